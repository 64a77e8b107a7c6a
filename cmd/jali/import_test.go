package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// longBill writes a file of so many bills that it takes a moment to import.
func longBill(t testing.TB, rows int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "long.csv")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "微信昵称：[小美]\n交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注")
	last := time.Date(2024, 5, 31, 23, 0, 0, 0, time.UTC)
	for i := range rows {
		at := last.AddDate(0, 0, -i/200).Add(-time.Duration(i%200) * time.Minute)
		fmt.Fprintf(w, "%s,商户消费,小店%06d,\"牛肉面,大份\",支出,¥%d.50,零钱,支付成功,42%026d\t,M-%012d\t,/\n", at.Format(time.DateTime), i%9973, 1+i%90, i, i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// An interrupt while bills are stored leaves none of them, and how far it was
// has been told.
func TestAnInterruptedImportLeavesNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	person, err := exec.Command("found", data).Output()
	if err != nil {
		t.Fatal(err)
	}
	file := longBill(t, 40_000)
	args := []string{"--data", data, "import", "--accept-mismatch", "--person", string(person), file}
	c := exec.Command("jali", args...)
	told, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	for lines := bufio.NewScanner(told); lines.Scan(); {
		fmt.Fprintln(&seen, lines.Text())
		if strings.Contains(lines.Text(), "storing:") {
			if err := c.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	rest, _ := io.ReadAll(told)
	_ = c.Wait()
	seen.Write(rest)
	if c.ProcessState.ExitCode() != 2 || !strings.Contains(seen.String(), "interrupted: nothing of ") || !strings.Contains(seen.String(), "sending: ") {
		t.Fatalf("exit %d: %s", c.ProcessState.ExitCode(), &seen)
	}
	var failed bytes.Buffer
	again := exec.Command("jali", args...)
	again.Stderr = &failed
	out, err := again.Output()
	if err != nil || !strings.Contains(string(out), "40000 bills, 0 of them known already") {
		t.Errorf("after an interrupt: %v, %s%s", err, out, &failed)
	}
}

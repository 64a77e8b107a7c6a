package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// A serving jali may leave no core, and can be watched all the same.
func TestServeLeavesNoCore(t *testing.T) {
	s := serve(t, "--pprof")
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.process.Process.Pid))
	if err != nil || !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
		t.Errorf("its limits are %s, %v", limits, err)
	}
	for at, want := range map[string]string{"/debug/pprof/heap?debug=1": "heap profile:", "/debug/pprof/goroutine?debug=2": "goroutine ", "/metrics": "process_open_fds"} {
		resp, err := http.Get("http://" + s.monitoring + at)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !regexp.MustCompile(want).Match(b) {
			t.Errorf("%s answers %.200s, %v", at, b, err)
		}
	}
	if err := s.process.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	<-s.logged
	_ = s.process.Wait()
	if w, ok := s.process.ProcessState.Sys().(syscall.WaitStatus); !ok || w.CoreDump() || w.ExitStatus() == 0 {
		t.Errorf("after SIGABRT it ends with %v", s.process.ProcessState)
	}
	for _, dir := range []string{".", s.data} {
		if cores, _ := filepath.Glob(filepath.Join(dir, "core*")); cores != nil {
			t.Errorf("it leaves %v", cores)
		}
	}
}

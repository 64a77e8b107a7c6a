package aggregate_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/deletion"
)

// viewRows counts what is stored of views, by thing.
func (h *house) viewRows() map[string]int {
	h.t.Helper()
	n := map[string]int{}
	for _, room := range []string{"view", "view_part", "view_of", "view_due"} {
		h.rows(room, func(_, _ []byte) { n[room]++ })
	}
	return n
}

// A view that is closed before its time leaves noise, in the pages that the
// file has freed too: the key is the client's id of it, and that stands nowhere.
func TestAClosedViewIsNoise(t *testing.T) {
	h := newHouse(t)
	h.add(wallet("alipay").with(150))
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"}))
	v := h.open("bank", g, "key-0000000000000001")
	h.open("bank", g, "key-0000000000000002")
	var parts [][]byte
	h.rows("view_part", func(_, value []byte) { parts = append(parts, bytes.Clone(value)) })
	if len(parts) != 6 {
		t.Fatalf("%d parts, want 6", len(parts))
	}
	if _, err := h.consent.Revoke(t.Context(), p, g); err != nil {
		t.Fatal(err)
	}
	h.shred()
	if n := h.viewRows(); len(n) != 0 {
		t.Errorf("revoked, there is %v of its views", n)
	}

	raw := []byte{}
	for _, name := range []string{"jali.db", "keys.db", "anchor", "kek.key"} {
		b, err := os.ReadFile(filepath.Join(h.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, b...)
	}
	there, opened := 0, 0
	for _, part := range parts {
		if bytes.Contains(raw, part[:64]) {
			there++
		}
		if _, err := h.Vault.OpenView(v.ID, part); err == nil {
			opened++
		}
	}
	if there == 0 || opened != 3 {
		t.Fatalf("%d of the freed parts are in the file, %d open under the id: this test cannot fail", there, opened)
	}
	id := strings.TrimPrefix(v.ID, "view_")
	key, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string][]byte{"the id": []byte(id), "the id's bytes": key, "them in hexadecimal": []byte(hex.EncodeToString(key)),
		"them in base64": []byte(base64.RawStdEncoding.EncodeToString(key)), "a shop": []byte("瑞幸咖啡"), "a bill's id": []byte(v.Bills.Items[0].ID)} {
		if bytes.Contains(raw, secret) {
			t.Errorf("%s is in the files", what)
		}
	}
	// Whatever in the files looks like an id, or could be made one, opens nothing.
	for _, word := range regexp.MustCompile(`[A-Za-z0-9_-]{43}`).FindAll(raw, -1) {
		for _, try := range []string{"view_" + string(word), string(word)} {
			for _, part := range parts {
				if _, err := h.Vault.OpenView(try, part); err == nil {
					t.Fatalf("a view opens under %q, which is in the files", try)
				}
			}
		}
	}

	register := &deletion.Register{DB: h.db, Vault: h.Vault, Now: h.clock}
	if noted, err := register.All(t.Context(), string(p.Person)); err != nil || len(noted) != 1 || noted[0].Of != deletion.Views ||
		noted[0].Views != 2 || noted[0].Grant != string(g) || noted[0].Destroyed.IsZero() {
		t.Errorf("it is noted as %+v, %v", noted, err)
	}
}

const viewsEnv = "JALI_TEST_VIEWS_IN"

// TestServingViews is the process that TestViewsGoThoughTheProcessDied kills.
func TestServingViews(t *testing.T) {
	dir := os.Getenv(viewsEnv)
	if dir == "" { // not as that process
		return
	}
	h := houseIn(t, dir)
	h.client("bank", "opaque")
	h.add(wallet("alipay").with(150))
	p := h.person("li")
	h.link(p, "alipay")
	g := h.grant(p, "bank", h.everything(consent.Uses{Limit: 4, Per: "day"}))
	first := h.open("bank", g, "key-0000000000000001")
	h.pass(9 * time.Minute)
	second := h.open("bank", g, "key-0000000000000002")
	fmt.Println("serving", g, first.ID, second.ID, h.clock().UnixMicro())
	select {} // until it is killed
}

// A process dies, by SIGKILL, with views of which one will soon have had its
// time. The next process finds them, and each goes when its time is over.
func TestViewsGoThoughTheProcessDied(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestServingViews$", "-test.v")
	cmd.Env = append(os.Environ(), viewsEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var g consent.GrantID
	var first, second string
	var at int64
	for lines := bufio.NewScanner(out); at == 0; {
		if !lines.Scan() {
			t.Fatal("the process ended before it served", cmd.Wait())
		}
		if strings.HasPrefix(lines.Text(), "serving ") {
			if _, err := fmt.Sscanf(lines.Text(), "serving %s %s %s %d", &g, &first, &second, &at); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it was not killed")
	}

	h := houseIn(t, dir)
	h.now = time.UnixMicro(at)
	if n := h.viewRows(); n["view"] != 2 || n["view_part"] != 6 {
		t.Fatalf("before anybody sweeps there is %v", n)
	}
	for _, step := range []struct {
		after           time.Duration
		first, second   error
		views, sealed   int
		ofViews, ofDues int
	}{
		{0, nil, nil, 2, 6, 2, 2},
		{2 * time.Minute, aggregate.ErrViewExpired, nil, 2, 3, 2, 2},
		{12 * time.Minute, aggregate.ErrViewExpired, aggregate.ErrViewExpired, 2, 0, 2, 2},
		{25 * time.Hour, aggregate.ErrViewNotFound, aggregate.ErrViewNotFound, 0, 0, 0, 0},
	} {
		h.pass(step.after)
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := h.viewRows()
		if n["view"] != step.views || n["view_part"] != step.sealed || n["view_of"] != step.ofViews || n["view_due"] != step.ofDues {
			t.Errorf("%v on, there is %v", step.after, n)
		}
		for id, want := range map[string]error{first: step.first, second: step.second} {
			if _, err := h.Get(t.Context(), "bank", g, id); !errors.Is(err, want) && !errors.Is(err, consent.ErrExpired) {
				t.Errorf("%v on, a view answers %v, want %v", step.after, err, want)
			}
		}
	}
}

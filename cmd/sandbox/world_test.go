package main

import (
	"net/http"
	"testing"
	"time"

	"jali/connectors/mock"
	"jali/consent"
	"jali/internal/aggregate"
)

// lookAfresh asks all sources of the first of the sample people for some days.
func (s *sandbox) lookAfresh(t *testing.T, days int) aggregate.Look {
	t.Helper()
	now := s.now()
	l, err := s.house.Aggregate.OwnAfresh(t.Context(), consent.Session{Person: consent.PersonID(s.state.People[0].ID), ID: "look" + now.String(), At: now}, now.AddDate(0, 0, -days), now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newestStatement(l aggregate.Look) (at time.Time) {
	for _, st := range l.Statements {
		if st.Period.To.After(at) {
			at = st.Period.To
		}
	}
	return at
}

// Whoever runs the sandbox makes institutions fail, and well again.
func TestTroublesOnDemand(t *testing.T) {
	s, r := begin(t, "")
	defer end(t, s)
	for _, source := range s.sources.All() {
		id := source.Source().ID
		if status, said := control(t, r, "/troubles", map[string]any{"institution": id, "down": true}); status != http.StatusOK || s.town.Ailing(id) != (mock.Trouble{Down: true}) {
			t.Errorf("%s: %d %v, and suffers from %+v", id, status, said, s.town.Ailing(id))
		}
	}
	for _, report := range s.lookAfresh(t, 3).Sources {
		if report.Status != aggregate.Failed {
			t.Errorf("with all institutions down %s is %s", report.Source.ID, report.Status)
		}
	}
	if status, _ := control(t, r, "/troubles", map[string]any{"institution": "jiangnan_bank", "latency_ms": 20, "amount": "NaN"}); status != http.StatusOK ||
		s.town.Ailing("jiangnan_bank") != (mock.Trouble{Latency: 20 * time.Millisecond, Amount: "NaN"}) {
		t.Errorf("slow and wrong: %d, %+v", status, s.town.Ailing("jiangnan_bank"))
	}
	if status, _ := control(t, r, "/troubles", map[string]any{"institution": "jiangnan_bank"}); status != http.StatusOK || s.town.Ailing("jiangnan_bank") != (mock.Trouble{}) {
		t.Errorf("well again: %d, %+v", status, s.town.Ailing("jiangnan_bank"))
	}
	if status, said := control(t, r, "/troubles", map[string]any{"institution": "nowhere_bank", "down": true}); status != http.StatusNotFound || said["code"] != "institution_unknown" {
		t.Errorf("nowhere: %d %v", status, said)
	}
	for why, ask := range map[string]map[string]any{
		"a new trouble":  {"institution": "jiangnan_bank", "earthquake": true},
		"a time to come": {"institution": "jiangnan_bank", "latency_ms": -1},
	} {
		if status, said := control(t, r, "/troubles", ask); status != http.StatusBadRequest || s.town.Ailing("jiangnan_bank") != (mock.Trouble{}) {
			t.Errorf("%s: %d %v", why, status, said)
		}
	}
}

// The clock of all the sandbox moves ahead, and stays there when it starts anew.
func TestTheClockMoves(t *testing.T) {
	data := t.TempDir()
	s, r := begin(t, data)
	before, real := s.lookAfresh(t, 35), time.Now()
	for why, ahead := range map[string]any{"back": "-1h", "too far": "9700h", "no time": "soon", "nothing": ""} {
		if status, said := control(t, r, "/clock", map[string]any{"ahead": ahead}); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", why, status, said)
		}
	}
	const month = 32 * 24 * time.Hour
	if status, said := control(t, r, "/clock", map[string]any{"ahead": month.String()}); status != http.StatusOK {
		t.Fatalf("%d %v", status, said)
	}
	after := s.lookAfresh(t, 35)
	if was, is := newestStatement(before), newestStatement(after); was.IsZero() || !is.After(was) {
		t.Errorf("the newest statement closed on %v, and a month later on %v", was, is)
	}
	for _, report := range after.Sources {
		if report.Code == "source_signature" || report.Code == "source_malformed" {
			t.Errorf("after the move %s is %s: its clock is another", report.Source.ID, report.Code)
		}
	}
	resp, err := http.Get(r.Issuer + "/v1/sources")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if told, err := http.ParseTime(resp.Header.Get("Date")); err != nil || told.Sub(real) < month-time.Second {
		t.Errorf("after the move Date is %v, %v", told, err)
	}
	c := ledger(t, r)
	c.Now = s.now
	if _, err := c.Push(t.Context(), oneLook); err != nil {
		t.Errorf("a client that goes by the clock: %v", err)
	}
	end(t, s)
	s, r = begin(t, data)
	defer end(t, s)
	if ahead := s.now().Sub(real); ahead < month || ahead > month+time.Hour {
		t.Errorf("after a restart the clock is %v ahead", ahead)
	}
	if status, _ := control(t, r, "/clock", map[string]any{"ahead": "9000h"}); status != http.StatusBadRequest {
		t.Errorf("both moves together are too far: %d", status)
	}
}

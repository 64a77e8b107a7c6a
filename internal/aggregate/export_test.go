package aggregate_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"jali/connectors"
	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/secret"
)

func TestExportNamesThePerson(t *testing.T) {
	h := newHouse(t)
	p := h.person("li")
	at := h.clock().UTC()
	about := aggregate.About{ID: p.Person, Name: "小李",
		Passkeys: []aggregate.AboutPasskey{{ID: "cGs", Label: "iPhone", AddedAt: at.Add(-time.Hour), LastUsed: at}},
		Sessions: []aggregate.AboutSession{{ID: p.ID, Agent: "Safari, iOS", OpenedAt: at.Add(-time.Hour), SeenAt: at}},
		Paused:   []consent.ClientID{"shop"}}
	var out bytes.Buffer
	if err := h.ExportJSON(t.Context(), p, about, &out); err != nil {
		t.Fatal(err)
	}
	var e struct {
		Person map[string]any `json:"person"`
	}
	if err := json.Unmarshal(out.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	began, seen := at.Add(-time.Hour).Format(time.RFC3339), at.Format(time.RFC3339)
	want := map[string]any{"id": "li", "name": "小李", "paused_clients": []any{"shop"}, "all_paused": false, "receipts": nil,
		"passkeys": []any{map[string]any{"id": "cGs", "label": "iPhone", "added_at": began, "last_used_at": seen}},
		"sessions": []any{map[string]any{"id": p.ID, "agent": "Safari, iOS", "opened_at": began, "seen_at": seen}}}
	if !reflect.DeepEqual(e.Person, want) {
		t.Errorf("exported %v, want %v", e.Person, want)
	}
}

// A connection is kept while its source lists nothing in it any more, and so
// it is exported.
func TestExportHoldsConnectionsWithoutAccounts(t *testing.T) {
	h := newHouse(t)
	f := wallet("jiangnan_bank")
	h.add(f)
	p := h.person("li")
	card := func(id string) connectors.Account {
		return connectors.Account{Ref: ref(id), Number: secret.Of("622848" + id), Kind: connectors.Deposit, Side: connectors.Asset, Name: "储蓄卡", Currency: "CNY"}
	}
	f.balances = nil
	var bare aggregate.Connection
	// The second card closes, and then the first is listed under another login.
	for i, lists := range [][]string{{"a1", "a2"}, {"a1"}, {"b1"}, {"b1", "a1"}} {
		var found []connectors.Account
		for _, id := range lists {
			found = append(found, card(id))
		}
		f.set(func() { f.accounts = found })
		if c := h.link(p, "jiangnan_bank"); i == 0 {
			bare = c
		}
	}
	var out bytes.Buffer
	if err := h.ExportJSON(t.Context(), p, aggregate.About{}, &out); err != nil {
		t.Fatal(err)
	}
	var e struct {
		Connections []struct{ ID, Source, Status string }
		Accounts    []struct{ Connection string }
	}
	if err := json.Unmarshal(out.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(e.Connections, func(c struct{ ID, Source, Status string }) bool { return c.ID == bare.ID })
	if len(e.Connections) != 2 || i < 0 || e.Connections[i].Source != "jiangnan_bank" || e.Connections[i].Status != string(aggregate.Fresh) {
		t.Errorf("exported %+v, want %s among them", e.Connections, bare.ID)
	}
	for _, a := range e.Accounts {
		if a.Connection == bare.ID {
			t.Error("the connection has an account: this looks at the wrong thing")
		}
	}
}

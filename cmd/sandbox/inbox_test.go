package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// An inbox checks as a client has to: what nobody signed, and what is signed
// for another time, body or client, is kept and refused, and does not count
// among the answers that it was told to give.
func TestTheInboxTakesWhatIsSigned(t *testing.T) {
	d := developing(t)
	id, _ := d.give(d.person(), someUse)
	d.fire("grant.revoked", members{"grant_id": id})
	came := at(d.deliver(d.id, 1), "messages.0").(members)
	other, _ := d.register(members{"inbox": true})
	d.call("PUT", "/inbox/"+d.id, members{"status": 503, "times": 1})

	signed, body := came["headers"].(members), came["body"].(string)
	for _, tt := range []struct {
		why, client, body string
		headers           members
		ahead             string
		signature         string
		status            int
	}{
		{"nobody signed it", d.id, body, nil, "", "missing", 401},
		{"no signature, but an id", d.id, body, members{"webhook-id": signed["webhook-id"]}, "", "missing", 401},
		{"another body", d.id, strings.Replace(body, "grant.", "grand.", 1), signed, "", "wrong", 401},
		{"told to somebody else", other, body, signed, "", "not_ours", 401},
		{"as the inbox was told", d.id, body, signed, "", "valid", 503},
		{"and well again", d.id, body, signed, "", "valid", 204},
		{"a ping, which is not signed", d.id, `{"auth_req_id": "grant_1.x"}`, nil, "", "missing", 204},
		{"signed an hour ago", d.id, body, signed, "1h", "stale", 401},
	} {
		if tt.ahead != "" {
			d.call("POST", "/clock", members{"ahead": tt.ahead})
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.r.Sandbox+"/inbox/"+tt.client, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		for name, value := range tt.headers {
			r.Header.Set(name, value.(string))
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		said := struct{ Code string }{}
		_ = json.NewDecoder(resp.Body).Decode(&said)
		_ = resp.Body.Close()
		if resp.StatusCode != tt.status || (said.Code == "signature_invalid") != (tt.status == 401) {
			t.Errorf("%s: %d %s; want %d", tt.why, resp.StatusCode, said.Code, tt.status)
		}
		if w := resp.Header.Get("WWW-Authenticate"); (w == "Webhook-Signature") != (tt.status == 401) {
			t.Errorf("%s: it asks for %q", tt.why, w)
		}
		kept := at(d.call("GET", "/inbox/"+tt.client, nil), "messages.0").(members)
		if kept["signature"] != tt.signature || kept["answered"] != float64(tt.status) || kept["body"] != tt.body {
			t.Errorf("%s: kept is %v; want %s, answered %d", tt.why, kept, tt.signature, tt.status)
		}
	}
}

// An address is copied from an answer as it stands there.
func TestAddressesStandAsTheyAre(t *testing.T) {
	d := developing(t)
	body, err := json.Marshal(d.decision(d.push(once), d.person(), "allow"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(d.r.Sandbox+"/consents", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(said, []byte("&state=")) && !bytes.Contains(said, []byte("&code=")) {
		t.Errorf("%s: %s, %v", resp.Status, said, err)
	}
}

package oauth

import "testing"

func TestWhatIsUnderWayEndsAndTokensStay(t *testing.T) {
	h := open(t)
	uri := h.push(h.bank, once)
	code, _ := h.code(h.bank, once)
	tokens, _ := h.tokens(h.bank, daily)
	for range 2 {
		if err := h.server.EndUnderWay(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.indexed(pushedKind) + h.indexed(codeKind); n != 0 {
		t.Errorf("%d requests and codes are still to be swept", n)
	}
	if got := h.get("/oauth/authorize?client_id=" + h.bank.id + "&request_uri=" + uri); got.status != 400 {
		t.Errorf("a request from before: %v", got)
	}
	if got := h.redeem(h.bank, code); got.text("error") != "invalid_grant" {
		t.Errorf("a code from before: %v", got)
	}
	got := h.post("/oauth/token", h.form(h.bank, "grant_type", "refresh_token", "refresh_token", tokens.text("refresh_token")),
		h.proof(h.bank.dpop, "POST", issuer+"/oauth/token", "", nil))
	if got.status != 200 {
		t.Errorf("a refresh token from before: %v", got)
	}
	if _, err := h.call(h.bank.dpop, tokens.text("access_token")); err != nil {
		t.Errorf("an access token from before: %v", err)
	}
}

package mock

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"strconv"
)

// zhaoluAuthorize is RFC 6749 4.1.1 with PKCE, in place of the papers by which
// the real bank opens accounts to a company's user.
func (t *Town) zhaoluAuthorize(w http.ResponseWriter, r *http.Request) {
	const title = "招鹿银行 Zhaolu Bank"
	q, now := r.URL.Query(), t.cfg.Now()
	back := q.Get("redirect_uri")
	if q.Get("client_id") != zhaoluUID || !t.mayRedirect(back) {
		showMistake(w, title, "client_id 或 redirect_uri 未登记。", "This client_id or redirect_uri is not registered.")
		return
	}
	no := func(code string) { sendBack(w, r, back, url.Values{"error": {code}, "state": {q.Get("state")}}) }
	switch {
	case q.Get("response_type") != "code":
		no("unsupported_response_type")
		return
	case q.Get("scope") != "accounts":
		no("invalid_scope")
		return
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		no("invalid_request")
		return
	}
	page := loginPage{Title: title, Colour: "#8c1d40", Asker: "花窗 Jali",
		Wants: "想查看你的账户、余额和交易 would like to see your accounts, balances and transactions"}
	if r.Method == http.MethodGet {
		t.showLogin(w, r, page, http.StatusOK)
		return
	}
	if r.PostFormValue("decision") == "refuse" {
		no("access_denied")
		return
	}
	p := t.personByLogin(r.PostFormValue("login"), r.PostFormValue("password"))
	if p == nil {
		page.Wrong, page.Login = true, r.PostFormValue("login")
		t.showLogin(w, r, page, http.StatusUnauthorized)
		return
	}
	if p.at(ZhaoluBank, savings) == nil {
		showMistake(w, title, "你在这家银行没有账户，请返回换一位居民。", "You have no account at this bank: go back and choose somebody else.")
		return
	}
	var code string
	err := t.state.change(func() error {
		code = t.state.issue("", now, pass{Institution: ZhaoluBank, Kind: codePass, Person: p.id, Until: now.Add(zhaoluCodeFor),
			Redirect: back, Challenge: q.Get("code_challenge")})
		return nil
	})
	if err != nil {
		no("server_error")
		return
	}
	sendBack(w, r, back, url.Values{"code": {code}, "state": {q.Get("state")}})
}

// zhaoluWell answers for the institution's troubles that no function is asked for.
func (t *Town) zhaoluWell(w http.ResponseWriter, r *http.Request) (Trouble, bool) {
	x, here := t.ails(w, r, ZhaoluBank)
	switch {
	case !here:
		return x, false
	case x.Down:
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("CDCServer:系统异常，请稍后再试"))
		return x, false
	case x.Busy:
		if !x.NoWait {
			w.Header().Set("Retry-After", "2")
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return x, false
	}
	return x, true
}

// zhaoluToken trades a code for a customer number. Each link has one of its own.
func (t *Town) zhaoluToken(w http.ResponseWriter, r *http.Request) {
	if _, well := t.zhaoluWell(w, r); !well {
		return
	}
	now := t.cfg.Now()
	say := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	err := r.ParseForm()
	for _, values := range r.PostForm {
		if len(values) > 1 {
			err = errors.New("twice")
		}
	}
	f := r.PostForm
	switch {
	case err != nil || kind != "application/x-www-form-urlencoded":
		say(http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	case f.Get("client_id") != zhaoluUID:
		say(http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	case f.Get("grant_type") != "authorization_code":
		say(http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	n, err := rand.Int(rand.Reader, big.NewInt(9e9))
	if err != nil {
		say(http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	client, token := strconv.FormatInt(1e9+n.Int64(), 10), ""
	sum := sha256.Sum256([]byte(f.Get("code_verifier")))
	err = t.state.change(func() error {
		code, ok := t.state.Passes[f.Get("code")]
		if !ok || code.Institution != ZhaoluBank || code.Kind != codePass || !now.Before(code.Until) || code.Redirect != f.Get("redirect_uri") ||
			subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(code.Challenge)) != 1 {
			return nil
		}
		if code.Spent { // RFC 6749 4.1.2: what came of it ends
			if twin := t.state.Passes[code.Twin]; twin != nil {
				twin.Spent = true
			}
			return nil
		}
		code.Spent, code.Twin = true, client
		t.state.Passes[client] = &pass{Institution: ZhaoluBank, Kind: accessPass, Person: code.Person, Until: now.AddDate(1, 0, 0)}
		t.state.Issued = append(t.state.Issued, client)
		token = t.state.issue("", now, pass{Institution: ZhaoluBank, Kind: refreshPass, Person: code.Person, Until: now.Add(zhaoluCodeFor)}) // opens nothing
		return nil
	})
	switch {
	case err != nil:
		say(http.StatusInternalServerError, map[string]string{"error": "server_error"})
	case token == "":
		say(http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
	default:
		say(http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 600, "client_nbr": client})
	}
}

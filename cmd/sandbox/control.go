package main

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"jali/consent/passkey/software"
	"jali/internal/fault"
	"jali/internal/secret"
)

// softwarePath is where the pages find the software passkey.
const softwarePath = "/sandbox/passkey"

// control is what the sandbox adds to jali's own address: the software
// passkey of the pages, and what tests ask for.
func (s *sandbox) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sandbox/consents", s.consents)
	mux.HandleFunc("POST /sandbox/introductions", s.introductions)
	mux.HandleFunc("GET /sandbox/canaries", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.town.Canaries(), nil) })
	mux.HandleFunc("GET /sandbox/town", s.institutions)
	mux.HandleFunc("GET /sandbox/violations", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string][]violation{"violations": s.violations.all()}, nil)
	})
	mux.HandleFunc("POST /sandbox/troubles", s.afflict)
	mux.HandleFunc("GET /sandbox/clock", s.tellClock)
	mux.HandleFunc("POST /sandbox/clock", s.moveClock)
	mux.HandleFunc("GET "+softwarePath+"/credentials", s.credentials)
	mux.HandleFunc("POST "+softwarePath+"/create", s.create)
	mux.HandleFunc("POST "+softwarePath+"/get", s.assert)
	return mux
}

// decision is what POST /sandbox/consents takes. A request that is decided on
// the person's own device is named by its auth_req_id, in place of the rest.
type decision struct {
	ClientID   string   `json:"client_id"`
	RequestURI string   `json:"request_uri"`
	AuthReqID  string   `json:"auth_req_id"`
	Person     string   `json:"person"`
	Decision   string   `json:"decision"` // "allow" or "deny"
	Accounts   []string `json:"accounts"` // left out: every offered one is ticked
}

var (
	errDecision   = &fault.Error{Kind: fault.Invalid, Code: "invalid_request", Detail: `send client_id and request_uri, or auth_req_id, and person, and decision: "allow" or "deny"`}
	errExcluded   = &fault.Error{Kind: fault.Conflict, Code: "passkey_excluded", Detail: "the software passkey holds one of this person's passkeys already"}
	errNotWaiting = &fault.Error{Kind: fault.NotFound, Code: "request_not_found", Detail: "no such request waits for this person: it is unknown, somebody else's, decided or has expired"}
	errStranger   = &fault.Error{Kind: fault.NotFound, Code: "person_unknown", Detail: "people and their ids are in the ready file"}
)

// consents does what the person would have done in the browser.
func (s *sandbox) consents(w http.ResponseWriter, r *http.Request) {
	var d decision
	if err := readBody(w, r, &d); err != nil || (d.Decision != "allow" && d.Decision != "deny") ||
		(d.AuthReqID != "" && (d.ClientID != "" || d.RequestURI != "")) {
		answer(w, nil, errDecision.Because(err))
		return
	}
	v, err := s.as(r, d.Person)
	if err != nil {
		answer(w, nil, err)
		return
	}
	if d.AuthReqID != "" {
		request, _, _ := strings.Cut(d.AuthReqID, ".") // as our auth_req_id begin
		answer(w, map[string]string{"decision": d.Decision}, v.decideHere(r.Context(), request, d.Decision == "allow", d.Accounts))
		return
	}
	to, err := v.decide(r.Context(), "/oauth/authorize?"+url.Values{"client_id": {d.ClientID}, "request_uri": {d.RequestURI}}.Encode(), d.Decision == "allow", d.Accounts)
	if err != nil {
		answer(w, nil, err)
		return
	}
	answer(w, map[string]string{"redirect_to": to.String()}, nil)
}

// introductions has a sample person's page show the code by which they name
// themselves to a client, and answers it.
func (s *sandbox) introductions(w http.ResponseWriter, r *http.Request) {
	var who struct {
		Person string `json:"person"`
	}
	if err := readBody(w, r, &who); err != nil {
		answer(w, nil, errDecision.Saying("send person").Because(err))
		return
	}
	v, err := s.as(r, who.Person)
	if err != nil {
		answer(w, nil, err)
		return
	}
	code, err := v.introduce(r.Context())
	answer(w, map[string]string{"code": code}, err)
}

// as answers the visitor who is signed in as a sample person.
func (s *sandbox) as(r *http.Request, person string) (*visitor, error) {
	i := slices.IndexFunc(s.state.People, func(p samplePerson) bool { return p.ID == person })
	if i < 0 {
		return nil, errStranger
	}
	return s.visitors.get(r.Context(), s.state.People[i])
}

// institutions tells what an operator who registered in the town holds, so
// that the institutions' own libraries can be tried against it.
func (s *sandbox) institutions(w http.ResponseWriter, _ *http.Request) {
	people := []map[string]string{}
	for _, p := range s.town.People() {
		people = append(people, map[string]string{"id": p.ID, "name": p.Name, "login": p.Login, "password": p.Password})
	}
	answer(w, map[string]any{
		"people":                 people,
		"alipay":                 alipayAccess(s.town),
		"wechatpay":              wechatAccess(s.town.WeChatPay()),
		"wechatpay_certificates": wechatAccess(s.town.WeChatPayCertificates()),
	}, nil)
}

// credentials lists who can sign in: the sample people first, in their order.
func (s *sandbox) credentials(w http.ResponseWriter, _ *http.Request) {
	type named struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	list := []named{}
	for _, c := range s.passkey.Credentials() {
		list = append(list, named{c.ID, c.Name})
	}
	rank := func(n named) int {
		i := slices.IndexFunc(s.state.People, func(p samplePerson) bool { return p.Credential == n.ID })
		if i < 0 {
			return len(s.state.People)
		}
		return i
	}
	slices.SortStableFunc(list, func(a, b named) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
	answer(w, list, nil)
}

type challenge struct {
	ID      string          `json:"id"`
	Options json.RawMessage `json:"options"`
}

func (s *sandbox) create(w http.ResponseWriter, r *http.Request) {
	var c challenge
	if err := readBody(w, r, &c); err != nil {
		answer(w, nil, errDecision.Because(err))
		return
	}
	response, err := s.passkey.Create(s.ready.Issuer, c.Options)
	switch {
	case errors.Is(err, software.ErrExcluded):
		err = errExcluded
	case err == nil:
		err = s.keepPasskeys()
	}
	answer(w, json.RawMessage(response), err)
}

func (s *sandbox) assert(w http.ResponseWriter, r *http.Request) {
	var c challenge
	err := readBody(w, r, &c)
	if err != nil {
		answer(w, nil, errDecision.Because(err))
		return
	}
	var response []byte
	if c.ID == "" {
		response, err = s.passkey.Get(s.ready.Issuer, c.Options)
	} else {
		response, err = s.passkey.GetAs(c.ID, s.ready.Issuer, c.Options)
	}
	answer(w, json.RawMessage(response), err)
}

const bodyCap = 64 << 10

func readBody(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyCap))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		status, code := http.StatusBadRequest, fault.Of(err).Code
		var refused *refusedError
		switch {
		case errors.As(err, &refused):
			status, code = refused.status, refused.code
		case errors.Is(err, errExcluded):
			status = http.StatusConflict
		}
		w.WriteHeader(status)
		v = map[string]string{"code": code, "detail": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v)
}

func privateDER(k *rsa.PrivateKey) secret.Value {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return secret.Value{}
	}
	return secret.New(der)
}

func privatePEM(k *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER(k).Reveal()}))
}

func publicPEM(k *rsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

package house

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"jali/consent"
	"jali/consent/oauth"
	"jali/internal/fault"
)

// admin answers the verbs of the command line. It is reached through a socket
// that only its owner can open, or in process by a verb that has opened the
// files itself, so whoever speaks to it is the operator.
type admin struct {
	house *House
	log   *slog.Logger
}

// NewInvite is what `client invite` sends, and Invited what it is told: the
// token this once.
type NewInvite struct {
	Uses int           `json:"uses"`
	Life time.Duration `json:"life"`
}

type Invited struct {
	oauth.Invite
	Token string `json:"token"`
}

func newAdmin(h *House, log *slog.Logger) http.Handler {
	a := &admin{h, log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /clients", a.clients)
	mux.HandleFunc("POST /clients", a.addClient)
	mux.HandleFunc("GET /clients/{id}", a.client)
	mux.HandleFunc("DELETE /clients/{id}", a.removeClient)
	mux.HandleFunc("POST /clients/{id}/suspended", a.suspend)
	mux.HandleFunc("POST /clients/{id}/keys", a.keys)
	mux.HandleFunc("POST /clients/{id}/name", a.rename)
	mux.HandleFunc("POST /clients/{id}/alias-shape", a.reshape)
	mux.HandleFunc("POST /clients/{id}/webhook", a.setWebhook)
	mux.HandleFunc("POST /clients/{id}/webhook/test", a.testWebhook)
	mux.HandleFunc("POST /clients/{id}/webhook/resume", a.resumeWebhook)
	mux.HandleFunc("POST /clients/{id}/webhook/replay", a.replay)
	mux.HandleFunc("GET /webhooks", a.webhooks)
	mux.HandleFunc("GET /invites", a.invites)
	mux.HandleFunc("POST /invites", a.invite)
	mux.HandleFunc("DELETE /invites/{id}", a.uninvite)
	mux.HandleFunc("POST /people/{id}/bills", a.bills)
	mux.HandleFunc("POST /backup", a.backup)
	mux.HandleFunc("GET /keys", a.keyStatus)
	mux.HandleFunc("GET /keys/rotation", a.keyRotation)
	mux.HandleFunc("POST /keys/rotation", a.rotateKeys)
	mux.HandleFunc("POST /keys/kek", a.rekey)
	return mux
}

func (a *admin) clients(w http.ResponseWriter, r *http.Request) {
	list, err := a.house.Consent.Clients(r.Context())
	a.answer(w, list, err)
}

// addClient registers what `client add` sends. What is not the verb's to say
// stays as it is for a new client.
func (a *admin) addClient(w http.ResponseWriter, r *http.Request) {
	var c consent.Client
	if !a.read(w, r, &c) {
		return
	}
	c.ID, c.AddedAt, c.Suspended, c.Management = consent.ClientID("client_"+rand.Text()), time.Time{}, false, nil
	err := a.certifiable(r, c)
	if err == nil {
		err = a.house.Consent.AddClient(r.Context(), c)
	}
	a.answer(w, c, err)
}

// certifiable refuses a client whose certificate the running server could never
// see or believe. A house that a verb has opened for itself alone does not know
// how it will be served.
func (a *admin) certifiable(r *http.Request, c consent.Client) error {
	_, running := r.Context().Value(http.ServerContextKey).(*http.Server)
	shows := c.CertificateBound || c.Auth == consent.TLSClientAuth || c.Auth == consent.SelfSignedTLS
	switch {
	case !running:
		return nil
	case shows && a.house.OAuth.MTLS == "":
		return consent.ErrClient.Saying("this server has no address at which clients show certificates; start it with --mtls-url")
	case c.Auth == consent.TLSClientAuth && a.house.OAuth.ClientCAs == nil:
		return consent.ErrClient.Saying("this server knows no authority of clients' certificates; start it with --client-ca")
	}
	return nil
}

func (a *admin) client(w http.ResponseWriter, r *http.Request) {
	c, err := a.house.Consent.Client(r.Context(), consent.ClientID(r.PathValue("id")))
	a.answer(w, c, err)
}

func (a *admin) removeClient(w http.ResponseWriter, r *http.Request) {
	a.answer(w, true, a.house.Consent.RemoveClient(r.Context(), consent.ClientID(r.PathValue("id"))))
}

func (a *admin) invites(w http.ResponseWriter, r *http.Request) {
	list, err := a.house.OAuth.Invites(r.Context())
	a.answer(w, list, err)
}

func (a *admin) invite(w http.ResponseWriter, r *http.Request) {
	var n NewInvite
	if !a.read(w, r, &n) {
		return
	}
	i, token, err := a.house.OAuth.Invite(r.Context(), n.Uses, n.Life)
	a.answer(w, Invited{i, token.RevealString()}, err)
}

func (a *admin) uninvite(w http.ResponseWriter, r *http.Request) {
	a.answer(w, true, a.house.OAuth.Uninvite(r.Context(), r.PathValue("id")))
}

func (a *admin) suspend(w http.ResponseWriter, r *http.Request) {
	var suspended bool
	if !a.read(w, r, &suspended) {
		return
	}
	a.answer(w, suspended, a.house.Consent.SuspendClient(r.Context(), consent.ClientID(r.PathValue("id")), suspended))
}

func (a *admin) rename(w http.ResponseWriter, r *http.Request) {
	var name consent.Name
	if !a.read(w, r, &name) {
		return
	}
	c, err := a.house.Consent.ReviseClient(r.Context(), consent.ClientID(r.PathValue("id")), func(c consent.Client) (consent.Client, error) {
		c.Name = name
		return c, nil
	})
	a.answer(w, c, err)
}

func (a *admin) reshape(w http.ResponseWriter, r *http.Request) {
	var shape string
	if !a.read(w, r, &shape) {
		return
	}
	c, err := a.house.Consent.ReviseClient(r.Context(), consent.ClientID(r.PathValue("id")), func(c consent.Client) (consent.Client, error) {
		c.AliasShape = shape
		return c, nil
	})
	a.answer(w, c, err)
}

func (a *admin) keys(w http.ResponseWriter, r *http.Request) {
	var jwks json.RawMessage
	if !a.read(w, r, &jwks) {
		return
	}
	a.answer(w, true, a.house.Consent.SetKeys(r.Context(), consent.ClientID(r.PathValue("id")), jwks))
}

const readCap = 1 << 20

func (a *admin) read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, readCap))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		a.answer(w, nil, (&fault.Error{Kind: fault.Invalid, Code: "invalid_request", Detail: "this is not the JSON that the verb sends"}).Because(err))
		return false
	}
	return true
}

func (a *admin) answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		f := fault.Of(err)
		a.log.Warn("an operator's verb failed", "code", f.Code, "error", err)
		w.WriteHeader(http.StatusUnprocessableEntity)
		v = map[string]string{"code": f.Code, "detail": f.Detail}
	}
	_ = json.NewEncoder(w).Encode(v)
}

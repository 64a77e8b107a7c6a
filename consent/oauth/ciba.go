package oauth

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jali/consent"
	"jali/internal/kv"
)

// Of decoupled requests.
const (
	decoupledLife  = 5 * time.Minute  // where the client asks for no other
	longestAsked   = 15 * time.Minute // whatever the client asks for
	pollInterval   = 5 * time.Second
	decoupledStays = 10 * time.Minute // after its end, to say that it has expired
	maxNotifyToken = 1024             // characters (CIBA Core, section 7.1)
)

var (
	errUnknownUser = refuse(http.StatusBadRequest, "unknown_user_id",
		"the login_hint names nobody whom this client may ask: it is a sub this client was told, or the eight digits of a code that still lives")
	errNoDelivery = refuse(http.StatusBadRequest, "unauthorized_client",
		"this client is not registered for decoupled requests: its operator should ask ours for the delivery mode poll or ping")
	errOpenScope = errScope.saying("the scopes are " + scopeQuery + " and " + scopeRevoke + ", and openid, which means nothing here")

	bearerSyntax = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`) // RFC 6750, section 2.1
)

// decoupled is a request that its person decides where they are signed in
// already. What is asked for, of whom and until when is the consent's.
type decoupled struct {
	Request  consent.GrantID  `json:"request"`
	Client   consent.ClientID `json:"client"`
	holder                    // the tokens will be bound to it
	Scopes   []string         `json:"scopes,omitempty"`
	Ends     time.Time        `json:"ends"`            // of the auth_req_id
	Polled   time.Time        `json:"polled,omitzero"` // last
	Interval int              `json:"interval"`        // seconds between polls
	Ping     []byte           `json:"ping,omitempty"`  // sealed; see Notification
}

// askDecoupled answers POST /oauth/bc-authorize (OpenID Client-Initiated
// Backchannel Authentication Core 1.0, section 7): it records what a client
// asks of a person whom it names, and answers the auth_req_id by which it
// learns what they said. There is no ID token, so openid in scope is passed over.
func (s *Server) askDecoupled(w http.ResponseWriter, c call) error {
	if c.client.Delivery == "" {
		return errNoDelivery
	}
	form, err := s.parametersDecoupled(c)
	if err != nil {
		return err
	}
	c.form = form
	life, err := acceptableDecoupled(c.form, c.client)
	if err != nil {
		return err
	}
	scopes, err := scopesOf(withoutOpenID(c.form))
	if err != nil {
		return errOpenScope
	}
	request, held, err := s.asks(c)
	if err != nil {
		return err
	}
	id := request.ID
	authReqID, m := s.store.fresh(decoupledKind, string(id))
	d := decoupled{Request: id, Client: c.client.ID, holder: held, Scopes: scopes, Ends: c.now.Add(life), Interval: int(pollInterval.Seconds())}
	if c.client.Delivery == consent.Ping {
		if d.Ping, err = s.sealPing(id, ping{authReqID, c.form.Get("client_notification_token")}); err != nil {
			return err
		}
	}
	request.Decoupled, request.Binding = true, c.form.Get("binding_message")
	// One poll before the end, so that a yes of the last moment is still fetched.
	request.Lapses = d.Ends.Add(-min(pollInterval, life/2))
	err = s.hinted(c, func(tx kv.Tx, person consent.PersonID) error {
		request := request
		request.Person = person
		if _, err := s.Consent.Push(tx, c.now, request); err != nil {
			return err
		}
		return put(tx, decoupledKind, m, d, d.Ends.Add(decoupledStays))
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"auth_req_id": authReqID, "expires_in": int(life.Seconds()), "interval": d.Interval,
	})
	return nil
}

// acceptableDecoupled checks the parameters of section 7.1 and answers for how
// long the request is to live.
func acceptableDecoupled(form url.Values, c consent.Client) (time.Duration, error) {
	token := form.Get("client_notification_token")
	switch {
	case form.Has("request_uri"):
		return 0, invalidRequest("request_uri is not read here; send the parameters themselves, or signed as request")
	case form.Has("login_hint_token") || form.Has("id_token_hint"):
		return 0, invalidRequest("login_hint is the one hint that is read here; login_hint_token and id_token_hint are not")
	case !form.Has("login_hint"):
		return 0, invalidRequest("login_hint is missing: a sub that this client was told, or the eight digits that the person reads out")
	case len(form.Get("login_hint")) > maxID:
		return 0, errUnknownUser
	case !form.Has("authorization_details"):
		return 0, invalidRequest("authorization_details is missing; there is no other way to ask (RFC 9396)")
	case c.Delivery == consent.Ping && token == "":
		return 0, invalidRequest("client_notification_token is missing; a client that is pinged sends one")
	case c.Delivery == consent.Ping && (len(token) > maxNotifyToken || !bearerSyntax.MatchString(token)):
		return 0, invalidRequest("client_notification_token must be a bearer token of at most 1024 characters (RFC 6750, section 2.1)")
	case !form.Has("requested_expiry"):
		return decoupledLife, nil
	}
	seconds, err := strconv.ParseUint(form.Get("requested_expiry"), 10, 31)
	if err != nil || seconds == 0 {
		return 0, invalidRequest("requested_expiry must be a number of seconds, at least 1; more than 900 are taken for 900")
	}
	return min(time.Duration(seconds)*time.Second, longestAsked), nil
}

// withoutOpenID is a form without the scope that OpenID's own clients send.
func withoutOpenID(form url.Values) url.Values {
	scopes := slices.DeleteFunc(strings.Split(form.Get("scope"), " "), func(one string) bool { return one == "openid" })
	if len(scopes) == 0 || !form.Has("scope") {
		return nil
	}
	return url.Values{"scope": {strings.Join(scopes, " ")}}
}

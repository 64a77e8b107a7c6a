package oauth

import (
	"errors"
	"net/http"
	"time"

	"jali/consent"
	"jali/internal/kv"
)

const cibaGrant = "urn:openid:params:grant-type:ciba"

const (
	slowDown = 5                      // seconds that a hasty client waits longer, each time
	jitter   = 500 * time.Millisecond // by which the network may hurry a poll
)

// What a poll is told (CIBA Core, section 11).
var (
	errPending = refuse(http.StatusBadRequest, "authorization_pending",
		"the person has not answered yet; ask again after the interval")
	errHasty = refuse(http.StatusBadRequest, "slow_down",
		"the person has not answered yet, and this was too soon; the interval is five seconds longer from now on")
	errOver = refuse(http.StatusBadRequest, "expired_token",
		"the auth_req_id has expired; make a new request")
	errSaidNo = refuse(http.StatusBadRequest, "access_denied",
		"the person said no")
	errNoAuthReqID = invalidGrant("the auth_req_id is unknown or was used; or it belongs to another client or key")
)

// redeemDecoupled trades the auth_req_id of a decided request for tokens, once
// (CIBA Core, section 10.1), or says how it stands. How soon a client asks
// counts only as long as there is nothing to tell it.
func (s *Server) redeemDecoupled(c call, h holder) (*tokens, error) {
	id := c.form.Get("auth_req_id")
	switch {
	case c.client.Delivery == "":
		return nil, errNoDelivery
	case c.form.Has("scope"):
		return nil, errScope.saying("scope belongs to the request for consent")
	case id == "":
		return nil, invalidRequest("auth_req_id is missing")
	}
	m := s.store.mark(decoupledKind, id)
	var answer *tokens
	var pending *refusal // told once the poll is stored
	err := s.DB.Update(c.Context(), func(tx kv.Tx) error {
		answer, pending = nil, nil
		var d decoupled
		if ok, err := kv.Load(tx, m.key(decoupledKind), &d); err != nil {
			return err
		} else if !ok || d.Client != c.client.ID || !h.mayUse(d.holder, c.client, false) {
			return errNoAuthReqID
		}
		if !c.now.Before(d.Ends) {
			return errOver
		}
		g, err := s.decision(tx, c.now, d)
		if err != nil {
			return err
		}
		if g.State != consent.Given {
			pending = d.poll(c.now)
			return kv.Store(tx, m.key(decoupledKind), d)
		}
		if err := supersede(tx, g); err != nil {
			return err
		}
		if answer, err = s.issue(tx, c.now, c.client, h, d.Scopes, g); err != nil {
			return err
		}
		return tx.Delete(m.key(decoupledKind))
	})
	if err == nil && pending != nil {
		err = pending
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// decision answers the grant of a request that is undecided or given; all else
// is a refusal.
func (s *Server) decision(tx kv.Tx, now time.Time, d decoupled) (consent.Grant, error) {
	g, err := s.Consent.Decision(tx, d.Client, d.Request)
	switch {
	case errors.Is(err, consent.ErrNoGrant): // refused, and the person has left since
		return g, errSaidNo
	case err != nil:
		return g, err
	}
	switch g.State {
	case consent.Pushed, consent.Shown:
		return g, nil
	case consent.Given:
		if !now.Before(g.Agreed.Until) {
			return g, errGrantEnded
		}
		return g, nil
	case consent.Refused, consent.Revoked:
		return g, errSaidNo
	case consent.Expired:
		if g.DecidedAt.IsZero() { // lapsed, and the auth_req_id is about to
			return g, nil
		}
	}
	return g, errGrantEnded
}

// poll counts one that has to wait, and says so.
func (d *decoupled) poll(now time.Time) *refusal {
	last := d.Polled
	d.Polled = now
	wait := time.Duration(d.Interval) * time.Second
	if !last.IsZero() && now.Before(last.Add(wait-jitter)) {
		d.Interval += slowDown
		return errHasty
	}
	return errPending
}

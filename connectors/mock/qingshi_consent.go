package mock

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// held answers the grant of the path to the client itself, or has refused it.
func (c fdxCall) held() (fdxGrant, bool) {
	p, ok := c.bearer()
	if !ok {
		return fdxGrant{}, false
	}
	if p.Consent != "" {
		c.fail(http.StatusForbidden, "403", "Forbidden")
		return fdxGrant{}, false
	}
	g, ok := c.t.state.fdxGrant(c.r.PathValue("consentId"))
	if !ok {
		c.fail(http.StatusNotFound, "1107", "Data not found for request parameters")
	}
	return g, ok
}

func (c fdxCall) showGrant() {
	g, ok := c.held()
	if !ok {
		return
	}
	body := map[string]any{"id": g.ID, "status": g.status(c.now), "createdTime": g.Created.Format(time.RFC3339), "lookbackPeriod": g.Lookback,
		"durationType": "TIME_BOUND", "parties": []any{
			map[string]string{"name": "花窗 Jali", "type": "DATA_RECIPIENT", "registry": "PRIVATE"},
			map[string]string{"name": "青石消费金融", "type": "DATA_PROVIDER", "registry": "PRIVATE"}}}
	switch {
	case g.Once:
		body["durationType"] = "ONE_TIME"
	case g.Expires.IsZero():
		body["durationType"] = "PERSISTENT"
	default:
		body["durationPeriod"] = g.Duration
	}
	if !g.Expires.IsZero() {
		body["expirationTime"] = g.Expires.Format(time.RFC3339)
	}
	var opened []any
	for _, id := range g.Accounts {
		opened = append(opened, map[string]any{"resourceType": "ACCOUNT", "resourceId": id, "dataClusters": g.Clusters})
	}
	body["resources"] = opened
	c.answer(http.StatusOK, body)
}

// revoke is PUT /consents/{consentId}/revocation: final, and at once.
func (c fdxCall) revoke() {
	g, ok := c.held()
	if !ok {
		return
	}
	var in struct {
		Reason    string `json:"reason"`
		Initiator string `json:"initiator"`
	}
	parties := []string{"DATA_ACCESS_PLATFORM", "DATA_PROVIDER", "DATA_RECIPIENT", "INDIVIDUAL", "MERCHANT", "VENDOR"}
	if json.NewDecoder(c.r.Body).Decode(&in) != nil || (in.Reason != "BUSINESS_RULE" && in.Reason != "USER_ACTION") || !slices.Contains(parties, in.Initiator) {
		c.fail(http.StatusBadRequest, "401", "Input invalid")
		return
	}
	ended := false
	err := c.t.state.change(func() error {
		held := c.t.state.FDX.Grants[g.ID]
		if held.status(c.now) != "ACTIVE" {
			return nil
		}
		ended = true
		held.Ended, held.Reason, held.Initiator = c.now, in.Reason, in.Initiator
		c.t.state.spend(g.ID)
		return nil
	})
	switch {
	case err != nil:
		c.fail(http.StatusInternalServerError, "500", "Internal server error")
	case !ended:
		c.fail(http.StatusConflict, "401", "The consent has ended")
	default:
		c.w.WriteHeader(http.StatusNoContent)
	}
}

func (c fdxCall) showRevocation() {
	g, ok := c.held()
	if !ok {
		return
	}
	list := []any{}
	if !g.Ended.IsZero() {
		list = append(list, map[string]string{"status": "REVOKED", "reason": g.Reason, "initiator": g.Initiator, "updatedTime": g.Ended.Format(time.RFC3339)})
	}
	c.answer(http.StatusOK, map[string]any{"revocations": list})
}

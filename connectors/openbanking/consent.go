package openbanking

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// permissions are what a consent asks for: no more than is read here.
var permissions = []string{"ReadAccountsDetail", "ReadBalances", "ReadTransactionsCredits", "ReadTransactionsDebits", "ReadTransactionsDetail", readStatements}

const readStatements = "ReadStatementsDetail"

// obConsent is an OBReadConsentResponse1.
type obConsent struct {
	Data struct {
		ConsentId string `json:"ConsentId"`
		Status    string `json:"Status"`
		Expires   string `json:"ExpirationDateTime"`
		From      string `json:"TransactionFromDateTime"`
		To        string `json:"TransactionToDateTime"`
	} `json:"Data"`
}

// stage opens an account-access-consent. A bank without statements may refuse
// the permission to read them: then it is asked for the others.
func (c *Connector) stage(ctx context.Context, e endpoints) (kept, error) {
	own, err := c.ownToken(ctx, e)
	if err != nil {
		return kept{}, err
	}
	asked := permissions
	var staged obConsent
	for {
		body := map[string]any{"Data": map[string]any{"Permissions": asked}, "Risk": map[string]any{}}
		err := ours(c.call(ctx, http.MethodPost, c.api.JoinPath("account-access-consents"), own, body, &staged))
		if errors.Is(err, errRequest) && slices.Contains(asked, readStatements) {
			asked = slices.DeleteFunc(slices.Clone(asked), func(p string) bool { return p == readStatements })
			continue
		}
		if err != nil {
			return kept{}, err
		}
		break
	}
	if s := staged.Data.Status; staged.Data.ConsentId == "" || (s != "AWAU" && s != "AwaitingAuthorisation") {
		return kept{}, connectors.ErrMalformed.Because(fault.Cause("no consent that awaits authorisation"))
	}
	k := kept{Consent: staged.Data.ConsentId, Few: !slices.Contains(asked, readStatements)}
	for at, text := range map[*int64]string{&k.Ends: staged.Data.Expires, &k.From: staged.Data.From, &k.To: staged.Data.To} {
		if text == "" {
			continue
		}
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return kept{}, connectors.ErrMalformed.Because(fault.Cause("a consent's time is none"))
		}
		*at = moment.Unix()
	}
	return k, nil
}

// ended are the states of a consent that opens nothing: those of
// OBInternalConsentStatus1Code (v4), of OBExternalRequestStatus1Code (v3.1), and
// those that banks give to consents that are used up or out of time.
var ended = []string{"AWAU", "RJCT", "CANC", "EXPD", "COND", "AwaitingAuthorisation", "Rejected", "Revoked", "Cancelled", "Expired", "Consumed"}

// standing answers nil for a consent that stands, or of which the bank does not
// say that it does not, and ErrUnauthorized for one that does not.
func (c *Connector) standing(ctx context.Context, id string) error {
	e, err := c.endpoints(ctx)
	if err != nil {
		return err
	}
	own, err := c.ownToken(ctx, e)
	if err != nil {
		return err
	}
	var held obConsent
	err = ours(c.call(ctx, http.MethodGet, c.api.JoinPath("account-access-consents", url.PathEscape(id)), own, nil, &held))
	switch {
	case errors.Is(err, errNotFound):
		return connectors.ErrUnauthorized.Because(errNotFound)
	case err != nil:
		return err
	case held.Data.ConsentId == id && slices.Contains(ended, held.Data.Status):
		return connectors.ErrUnauthorized.Because(errConsent)
	}
	return nil
}

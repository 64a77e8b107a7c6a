package page

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"jali/consent"
	"jali/internal/aggregate"
)

// Kinds of receipts; a JWS of one has the typ "jali-{kind}-receipt+jwt".
const (
	grantReceipt      = "grant"
	revocationReceipt = "revocation"
	deletionReceipt   = "deletion"
)

// receiptHead is what every receipt begins with.
type receiptHead struct {
	Issuer   string           `json:"iss"`
	IssuedAt int64            `json:"iat"` // when it was written, which may be long after
	Person   consent.PersonID `json:"person"`
}

func (p *Page) receiptHead(person consent.PersonID) receiptHead {
	return receiptHead{p.Issuer, p.Now().Unix(), person}
}

// agreed is the receipt of one yes. What was agreed to is Evidence.Agreement,
// to the letter; the issuer's signature says whose passkey that is.
type agreed struct {
	receiptHead
	Grant    consent.GrantID  `json:"grant"`
	Client   consent.ClientID `json:"client"`
	Yes      int              `json:"yes"`                // 1 gave the grant, each further one changed it
	AgreedAt time.Time        `json:"agreed_at,omitzero"` // of the first and the last yes; the others lie before their agreement's "expires"
	Evidence consent.Evidence `json:"evidence"`
}

// ended is the receipt of a revocation.
type ended struct {
	receiptHead
	Grant     consent.GrantID  `json:"grant"`
	Client    consent.ClientID `json:"client"`
	AgreedAt  time.Time        `json:"agreed_at"` // of the last yes
	Agreement string           `json:"agreement"` // base64url of the SHA-256 of what the last yes agreed to
	RevokedAt time.Time        `json:"revoked_at"`
	RevokedBy string           `json:"revoked_by"` // "person", "client", "operator" or "restore"
}

// receiptLink is a receipt that the grant's page offers.
type receiptLink struct {
	Name string // the last part of its path: the number of the yes, or "revocation"
	Yes  int
	At   time.Time
}

// receiptLinks are a grant's, oldest first; none where none are signed.
func (p *Page) receiptLinks(g consent.Grant, yes []consent.Evidence) []receiptLink {
	if p.Receipts == nil {
		return nil
	}
	var list []receiptLink
	for i := range yes {
		list = append(list, receiptLink{strconv.Itoa(i + 1), i + 1, agreedAt(g, i+1, len(yes))})
	}
	if g.State == consent.Revoked {
		list = append(list, receiptLink{Name: revocationReceipt, At: g.EndedAt})
	}
	return list
}

// agreedAt is when a person said the n-th of so many yeses, where that is known.
func agreedAt(g consent.Grant, n, of int) time.Time {
	switch {
	case n == of:
		return g.DecidedAt.UTC()
	case n == 1:
		return g.GivenAt.UTC()
	}
	return time.Time{}
}

// signed answers a receipt by its name.
func (p *Page) signed(g consent.Grant, yes []consent.Evidence, name string) (string, error) {
	if p.Receipts == nil || len(yes) == 0 {
		return "", errNoPage
	}
	head, last := p.receiptHead(g.Person), yes[len(yes)-1]
	if name == revocationReceipt {
		if g.State != consent.Revoked {
			return "", errNoPage
		}
		sum := sha256.Sum256(last.Agreement)
		return p.Receipts(revocationReceipt, ended{head, g.ID, g.Client, g.DecidedAt.UTC(),
			base64.RawURLEncoding.EncodeToString(sum[:]), g.EndedAt.UTC(), g.EndedBy})
	}
	n := atoi(name)
	if n < 1 || n > len(yes) || strconv.Itoa(n) != name {
		return "", errNoPage
	}
	return p.Receipts(grantReceipt, agreed{head, g.ID, g.Client, n, agreedAt(g, n, len(yes)), yes[n-1]})
}

// receipt answers a signed receipt of a grant as a file, whose name tells nobody anything.
func (p *Page) receipt(w http.ResponseWriter, r *http.Request, s consent.Session) {
	g, yes, err := p.Consent.Record(r.Context(), s, consent.GrantID(r.PathValue("grant")))
	var jws string
	name := r.PathValue("receipt")
	if err == nil {
		jws, err = p.signed(g, yes, name)
	}
	kind := grantReceipt + "-receipt-" + name
	if name == revocationReceipt {
		kind = revocationReceipt + "-receipt"
	}
	p.saveReceipt(w, r, kind, jws, err)
}

func (p *Page) saveReceipt(w http.ResponseWriter, r *http.Request, kind, jws string, err error) {
	if err != nil {
		p.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="jali-%s-%s.jwt"`, kind, p.Now().In(shanghai).Format(time.DateOnly)))
	_, _ = io.WriteString(w, jws)
}

// receipts are all of a person's, for their export.
func (p *Page) receipts(ctx context.Context, s consent.Session) ([]aggregate.AboutReceipt, error) {
	list := []aggregate.AboutReceipt{}
	grants, err := p.Consent.Grants(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		g, yes, err := p.Consent.Record(ctx, s, g.ID)
		if errors.Is(err, consent.ErrNoGrant) { // refused: nothing was agreed
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, link := range p.receiptLinks(g, yes) {
			jws, err := p.signed(g, yes, link.Name)
			if err != nil {
				return nil, err
			}
			list = append(list, aggregate.AboutReceipt{Grant: g.ID, Name: link.Name, JWS: jws})
		}
	}
	return list, nil
}

package openbanking

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// obTransaction is one OBTransaction6.
type obTransaction struct {
	AccountId              string   `json:"AccountId"`
	TransactionId          string   `json:"TransactionId"`
	TransactionReference   string   `json:"TransactionReference"`
	Indicator              string   `json:"CreditDebitIndicator"`
	Status                 string   `json:"Status"`
	BookingDateTime        string   `json:"BookingDateTime"`
	TransactionInformation string   `json:"TransactionInformation"`
	Amount                 obAmount `json:"Amount"`
	BankTransactionCode    struct {
		Code    string `json:"Code"`
		SubCode string `json:"SubCode"`
	} `json:"BankTransactionCode"`
	ProprietaryBankTransactionCode struct {
		Code string `json:"Code"`
	} `json:"ProprietaryBankTransactionCode"`
	MerchantDetails struct {
		MerchantName         string `json:"MerchantName"`
		MerchantCategoryCode string `json:"MerchantCategoryCode"`
	} `json:"MerchantDetails"`
	CreditorAccount party `json:"CreditorAccount"`
	DebtorAccount   party `json:"DebtorAccount"`
}

type party struct {
	Name string `json:"Name"`
}

type transactionPage struct {
	Data *struct {
		Transaction []obTransaction `json:"Transaction"`
	} `json:"Data"`
	Links links `json:"Links"`
	Meta  struct {
		First string `json:"FirstAvailableDateTime"`
	} `json:"Meta"`
}

// cursor is the page that comes next, and what is needed to go on naming rows
// to which the bank gave no id.
type cursor struct {
	Next string         `json:"next"`
	Page int            `json:"page"`
	At   string         `json:"at,omitempty"`   // when the last row without an id was booked
	Same map[string]int `json:"same,omitempty"` // how many rows of that moment were alike
}

// queryTime is how moments stand in a query: without a zone, which is the
// bank's own (Read/Write Data API Profile, Date Formats).
const queryTime = "2006-01-02T15:04:05"

// Bills reads one page of transactions per call, in the bank's order. Since the
// bank's zone is not known beforehand, a day more is asked for on both sides,
// and what lies outside is dropped here.
func (c *Connector) Bills(ctx context.Context, v connectors.Credential, ref connectors.AccountRef, from, to time.Time, next connectors.Cursor) (connectors.Page, error) {
	k, err := c.opened(v)
	if err != nil {
		return connectors.Page{}, err
	}
	account, err := readRef(ref)
	if err != nil {
		return connectors.Page{}, err
	}
	if !from.Before(to) {
		return connectors.Page{Covers: connectors.Span{From: from, To: from}}, nil
	}
	u := c.api.JoinPath("accounts", url.PathEscape(account.id), "transactions")
	at := cursor{Page: 1}
	if next == "" {
		u.RawQuery = url.Values{
			"fromBookingDateTime": {from.Add(-24 * time.Hour).UTC().Format(queryTime)},
			"toBookingDateTime":   {to.Add(24 * time.Hour).UTC().Format(queryTime)},
		}.Encode()
	} else {
		if json.Unmarshal([]byte(next), &at) != nil || at.Page < 2 {
			return connectors.Page{}, connectors.ErrRefused.Because(fault.Cause("not a cursor of this listing"))
		}
		if u, err = c.within(at.Next); err != nil {
			return connectors.Page{}, connectors.ErrRefused.Because(err)
		}
	}
	var a transactionPage
	if err := c.read(ctx, k, u, &a); err != nil {
		return connectors.Page{}, err
	}
	page, err := c.page(a, account.id, from, to, k.opens(from, to), &at, u)
	if err != nil {
		return connectors.Page{}, connectors.ErrMalformed.Because(err)
	}
	return page, nil
}

// page translates what is in [from, to), of which the consent opens told.
func (c *Connector) page(a transactionPage, id string, from, to time.Time, told connectors.Span, at *cursor, self *url.URL) (connectors.Page, error) {
	if a.Data == nil || a.Data.Transaction == nil {
		return connectors.Page{}, fault.Cause("no Data with a list")
	}
	var page connectors.Page
	names := names{at: at.At, same: maps.Clone(at.Same)}
	for _, t := range a.Data.Transaction {
		if t.AccountId != id {
			return connectors.Page{}, fault.Cause("a transaction of another account")
		}
		if t.Status == "INFO" {
			continue // told for information: nothing is or will be booked
		}
		b, err := t.bill()
		if err != nil {
			return connectors.Page{}, err
		}
		if b.ID == "" {
			b.ID = names.name(t)
		}
		if !b.At.Before(from) && b.At.Before(to) {
			page.Bills = append(page.Bills, b)
		}
	}
	if first, err := time.Parse(time.RFC3339, a.Meta.First); err == nil && first.After(told.From) && first.Before(told.To) {
		told.From = first
	}
	if told != (connectors.Span{From: from, To: to}) {
		page.Covers = told
	}
	if a.Links.Next == "" {
		return page, nil
	}
	u, err := c.within(a.Links.Next)
	switch {
	case err != nil:
		return connectors.Page{}, err
	case u.String() == self.String(), at.Page >= maxPages:
		return connectors.Page{}, fault.Cause("pages without an end")
	}
	at.Next, at.Page, at.At, at.Same = u.String(), at.Page+1, names.at, names.same
	b, err := json.Marshal(at)
	page.Next = connectors.Cursor(b)
	return page, err
}

// names gives ids to rows without one: derived from what of a row does not
// change, and its place among equal rows. Those are booked at one moment, and a
// bank lists them next to each other, be it on two pages.
type names struct {
	at   string
	same map[string]int
}

func (n *names) name(t obTransaction) string {
	if t.BookingDateTime != n.at || n.same == nil {
		n.at, n.same = t.BookingDateTime, map[string]int{}
	}
	b, _ := json.Marshal([]string{t.BookingDateTime, t.Amount.Amount, t.Amount.Currency, t.Indicator, t.TransactionReference, t.TransactionInformation})
	sum := sha256.Sum256(b)
	row := hex.EncodeToString(sum[:12])
	n.same[row]++
	return fmt.Sprintf("derived-%s-%d", row, n.same[row])
}

// dateOnly: a bank that does not keep times of day writes midnight of UTC.
func dateOnly(text string) bool {
	return strings.HasSuffix(text, "T00:00:00+00:00") || strings.HasSuffix(text, "T00:00:00Z")
}

// bill translates one transaction; its ID may be empty. Errors name the
// member, never the value.
func (t obTransaction) bill() (connectors.Bill, error) {
	at, err := time.Parse(time.RFC3339, t.BookingDateTime)
	if err != nil {
		return connectors.Bill{}, fault.Cause("BookingDateTime is not a time")
	}
	amount, err := t.Amount.signed(t.Indicator)
	if err != nil {
		return connectors.Bill{}, err
	}
	b := connectors.Bill{ID: t.TransactionId, At: at, DateOnly: dateOnly(t.BookingDateTime), Amount: amount.Abs(),
		Direction: connectors.In, Flow: connectors.FlowIn,
		Counterparty: t.MerchantDetails.MerchantName, Description: t.TransactionInformation, Order: t.TransactionReference}
	if amount.Minor < 0 || (amount.Minor == 0 && t.Indicator != "Credit" && t.Indicator != "CRDT") {
		b.Direction, b.Flow = connectors.Out, connectors.FlowOut
		b.Counterparty = cmp.Or(b.Counterparty, t.CreditorAccount.Name)
	} else {
		b.Counterparty = cmp.Or(b.Counterparty, t.DebtorAccount.Name)
	}
	switch t.Status {
	case "BOOK", "Booked":
		b.State = connectors.Done
	case "RJCT", "Rejected":
		b.State = connectors.Failed
	case "":
		return connectors.Bill{}, fault.Cause("no Status")
	default: // PDNG, Pending, FUTR, and what is yet to be invented: not final
		b.State = connectors.Pending
	}
	if b.Order != "" {
		b.Refs = []string{b.Order}
	}
	if code := t.MerchantDetails.MerchantCategoryCode; code != "" {
		b.Category = "mcc:" + code
	}
	b.RawKind = cmp.Or(t.ProprietaryBankTransactionCode.Code,
		strings.Trim(t.BankTransactionCode.Code+"/"+t.BankTransactionCode.SubCode, "/"))
	b.Kind = kindOf(t, b.Direction)
	switch {
	case b.Kind.Inner():
		b.Flow = connectors.FlowInternal
	case b.Kind == connectors.Refund:
		b.RefundOf = b.Order // a refund is booked under the reference of its payment
	}
	return b, nil
}

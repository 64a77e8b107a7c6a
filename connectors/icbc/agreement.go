package icbc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/fault"
	"jali/internal/secret"
)

// credential is what the vault keeps of a link.
type credential struct {
	Agreement string `json:"agreement"`
}

// kept is what a link under way keeps on our side.
type kept struct {
	Remark string `json:"remark"`
}

func read(v connectors.Credential) (credential, error) {
	var k credential
	if json.Unmarshal(v.Reveal(), &k) != nil || !number(k.Agreement) {
		return k, connectors.ErrUnauthorized.Because(fault.Cause("the credential is not one of this dialect"))
	}
	return k, nil
}

// number reports whether s can be the number of an agreement or an account.
func number(s string) bool { return wire.Digits(s, 40) }

// signing is the business content of adsagrsignui (协议签订页面).
type signing struct {
	AppID      string   `json:"app_id"`
	Name       string   `json:"api_name"`
	Version    string   `json:"api_version"`
	CorpNo     string   `json:"corpNo"`
	Mode       string   `json:"coMode"` // 1 kept by an accountant (代理记账), 2 by the holder (自主记账)
	AccCompNo  string   `json:"accCompNo,omitempty"`
	Account    string   `json:"account"`
	Currency   string   `json:"currType"`
	AccFlag    string   `json:"accFlag"`   // 1: at this bank
	CnTioFlag  string   `json:"cntioFlag"` // 1: in the country
	Phone      string   `json:"phone"`
	AutoExtend string   `json:"epType"` // 0: it ends when it ends
	Remark     string   `json:"remark"`
	Accounts   []string `json:"accList"`
}

// Begin answers the page on which the person signs an agreement. The secret in
// its remark is what Finish knows the agreement by.
func (c *Connector) Begin(_ context.Context, state, redirectURI string) (connectors.Linking, error) {
	k := kept{Remark: rand.Text()}
	s := signing{AppID: c.appID, Name: "ADSSIGN", Version: "001.001.001.001", CorpNo: c.corpNo, Mode: "2", AccCompNo: c.accCompNo,
		Currency: "1", AccFlag: "1", CnTioFlag: "1", AutoExtend: "0", Remark: k.Remark, Accounts: []string{}}
	if c.accCompNo != "" {
		s.Mode = "1"
	}
	u := c.gateway.JoinPath("ui", service, "adsagrsignui", "V1")
	q, err := c.params(u, s, map[string]string{"redirect_uri": redirectURI, "state": state})
	if err != nil {
		return connectors.Linking{}, err
	}
	u.RawQuery = q.Encode()
	b, err := json.Marshal(k)
	return connectors.Linking{URL: u.String(), RedirectURI: redirectURI, Keep: secret.New(b)}, err
}

// Finish asks the bank for the agreement whose number came back. Anybody can
// bring a number; only who was sent to the page can bring one whose agreement
// has our remark.
func (c *Connector) Finish(ctx context.Context, l connectors.Linking, query url.Values) (connectors.Credential, error) {
	var k kept
	if json.Unmarshal(l.Keep.Reveal(), &k) != nil || k.Remark == "" {
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("not a link of this dialect"))
	}
	numbers := query["agreeno"]
	if len(numbers) != 1 || !number(numbers[0]) {
		return secret.Value{}, connectors.ErrLinkRefused
	}
	found := credential{Agreement: numbers[0]}
	a, err := c.agreement(ctx, found)
	switch {
	case is(err, connectors.ErrUnauthorized):
		return secret.Value{}, connectors.ErrLinkRefused.Because(err)
	case err != nil:
		return secret.Value{}, err
	case subtle.ConstantTimeCompare([]byte(a.Remark), []byte(k.Remark)) != 1:
		return secret.Value{}, connectors.ErrLinkRefused.Because(fault.Cause("the agreement is of another link"))
	}
	b, err := json.Marshal(found)
	return secret.New(b), err
}

// agreementAnswer is the business content of an answer of adsagreementqry.
type agreementAnswer struct {
	Agreements []agreement `json:"agrlist"`
}

type agreement struct {
	Number   text   `json:"agreeno"`
	CorpNo   text   `json:"corpno"`
	Status   text   `json:"status"`  // 1: signed
	MatDate  string `json:"matdate"` // its last day
	Remark   string `json:"remark"`
	Accounts []struct {
		Account   text `json:"account"`
		Currency  text `json:"currtype"`
		Statement text `json:"statementflag"` // 0: its movements are not told
	} `json:"accountinfolist"`
}

// agreement asks for the agreement that a credential names. One that is not
// there, or does not stand any more, is ErrUnauthorized.
func (c *Connector) agreement(ctx context.Context, k credential) (agreement, error) {
	type named struct {
		Number string `json:"agreeno"`
	}
	var biz struct {
		Page struct {
			From  string `json:"begnum"`
			Count string `json:"fetnum"`
		} `json:"inqwork"`
		CorpNo string `json:"corpno"`
		Cond   struct {
			By         string  `json:"qrytype"` // 2: by the list
			AccCompNo  string  `json:"acccompno"`
			Account    string  `json:"account"`
			Currency   string  `json:"currtype"`
			Agreements []named `json:"agrlist"`
		} `json:"cond"`
	}
	biz.Page.From, biz.Page.Count = "0", "10"
	biz.CorpNo, biz.Cond.By, biz.Cond.AccCompNo = c.corpNo, "2", c.accCompNo
	biz.Cond.Agreements = []named{{k.Agreement}}
	var answer agreementAnswer
	if err := c.call(ctx, "adsagreementqry", biz, &answer); err != nil {
		return agreement{}, err
	}
	return c.standing(answer, k)
}

func (c *Connector) standing(answer agreementAnswer, k credential) (agreement, error) {
	if answer.Agreements == nil {
		return agreement{}, connectors.ErrMalformed.Because(fault.Cause("no agrlist"))
	}
	switch len(answer.Agreements) {
	case 0:
		return agreement{}, connectors.ErrUnauthorized.Because(fault.Cause("there is no such agreement"))
	case 1:
	default:
		return agreement{}, connectors.ErrMalformed.Because(fault.Cause("more agreements than were asked for"))
	}
	a := answer.Agreements[0]
	if string(a.Number) != k.Agreement || string(a.CorpNo) != c.corpNo {
		return agreement{}, connectors.ErrMalformed.Because(fault.Cause("another agreement than was asked for"))
	}
	if a.Status != "1" {
		return agreement{}, connectors.ErrUnauthorized.Because(fault.Cause("the agreement does not stand"))
	}
	last, err := time.ParseInLocation(time.DateOnly, a.MatDate, wire.Beijing)
	if err != nil {
		return agreement{}, connectors.ErrMalformed.Because(fault.Cause("matdate is not a date"))
	}
	if !c.now().Before(last.AddDate(0, 0, 1)) {
		return agreement{}, connectors.ErrUnauthorized.Because(fault.Cause("the agreement has run out"))
	}
	return a, nil
}

// Accounts answers the accounts of the agreement whose movements are told.
func (c *Connector) Accounts(ctx context.Context, v connectors.Credential) ([]connectors.Account, error) {
	k, err := read(v)
	if err != nil {
		return nil, err
	}
	a, err := c.agreement(ctx, k)
	if err != nil {
		return nil, err
	}
	if a.Accounts == nil {
		return nil, connectors.ErrMalformed.Because(fault.Cause("no accountinfolist"))
	}
	var all []connectors.Account
	seen := map[string]bool{}
	for _, one := range a.Accounts {
		ref := account{string(one.Currency), string(one.Account)}
		if !number(ref.currency) || !number(ref.number) || seen[ref.String()] {
			return nil, connectors.ErrMalformed.Because(fault.Cause("an account without a currency, or a number of its own"))
		}
		seen[ref.String()] = true
		if one.Statement == "0" {
			continue
		}
		// A currency that is not known here leaves the account without one; its
		// movements will be refused one by one.
		currency, _ := currencyOf(ref.currency)
		all = append(all, connectors.Account{Ref: connectors.AccountRef{ID: secret.Of(ref.String())}, Number: secret.Of(ref.number),
			Kind: connectors.Deposit, Side: connectors.Asset, Name: "结算账户", Currency: currency})
	}
	return all, nil
}

// account is an account of one currency: a number may stand for several.
type account struct{ currency, number string }

func (a account) String() string { return a.currency + ":" + a.number }

func readRef(ref connectors.AccountRef) (account, error) {
	currency, n, _ := strings.Cut(ref.ID.RevealString(), ":")
	if !number(currency) || !number(n) {
		return account{}, connectors.ErrRefused.Because(fault.Cause("not an account of this dialect"))
	}
	return account{currency, n}, nil
}

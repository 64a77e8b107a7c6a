package billfile

import (
	"bytes"
	"cmp"
	"html"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"jali/connectors"
	"jali/connectors/money"
)

// ofx is Open Financial Exchange: statements of bank accounts (STMTRS) and
// credit cards (CCSTMTRS), in the SGML of versions 1.x, whose values have no
// closing tags, and in the XML of 2.x. See the OFX 1.6 and 2.2 specifications,
// sections 2.2 (headers), 3.2.8 (dates), 3.2.9 (amounts), 11.3 and 11.4.
//
// A file tells what an account held at its end, and not at its beginning; so
// there is nothing to check the rows against.
var ofx = document{is: isOFX, read: readOFX}

func isOFX(head []byte) bool {
	return bytes.HasPrefix(head, []byte("ofxheader:")) || bytes.Contains(head, []byte("<?ofx ")) || bytes.HasPrefix(head, []byte("<ofx>"))
}

// ofxGroups are the aggregates that are read; every other tag is a value or
// is passed over.
var ofxGroups = map[string]bool{
	"FI": true, "STMTRS": true, "CCSTMTRS": true, "BANKACCTFROM": true, "CCACCTFROM": true, "BANKACCTTO": true, "CCACCTTO": true,
	"BANKTRANLIST": true, "STMTTRN": true, "STMTTRNP": true, "PAYEE": true, "LEDGERBAL": true, "AVAILBAL": true, "BAL": true,
	"CURRENCY": true, "ORIGCURRENCY": true,
}

// ofxGroup is an aggregate: its values by their tags, and those of aggregates
// in it as "LEDGERBAL/BALAMT".
type ofxGroup struct {
	tag    string
	values map[string]string
	line   int
}

// ofxFile is where the reading of tags stands.
type ofxFile struct {
	open []ofxGroup
	made time.Time
	org  string
	s    *statement // that is open
	void []string   // ids of its rows that later ones take back
	all  []*statement
}

var (
	ofxBegins = regexp.MustCompile(`(?i)<OFX>`)
	ofxVerbal = regexp.MustCompile(`(?s)<!\[CDATA\[(.*?)\]\]>`)
)

func readOFX(data []byte) (*File, error) {
	text, err := ofxText(data)
	if err != nil {
		return nil, err
	}
	text = ofxVerbal.ReplaceAllStringFunc(text, func(s string) string { return html.EscapeString(s[len("<![CDATA[") : len(s)-len("]]>")]) })
	begins := ofxBegins.FindStringIndex(text)
	if begins == nil {
		return nil, unknown("no_statement")
	}
	x := &ofxFile{}
	line := 1 + strings.Count(text[:begins[1]], "\n")
	for text = text[begins[1]:]; ; {
		start := strings.IndexByte(text, '<')
		end := strings.IndexByte(text[max(0, start):], '>')
		if start < 0 || end < 0 {
			return nil, damaged(line, "", "cut_short")
		}
		line += strings.Count(text[:start], "\n")
		tag := strings.ToUpper(strings.TrimSpace(text[start+1 : start+end]))
		text = text[start+end+1:]
		switch name, closes := strings.CutPrefix(tag, "/"); {
		case tag == "/OFX":
			return fileOf("ofx", x.all)
		case closes:
			err = x.close(name)
		case ofxGroups[tag]:
			if len(x.open) >= maxDepth {
				return nil, damaged(line, "", "cells")
			}
			x.open = append(x.open, ofxGroup{tag, map[string]string{}, line})
			if tag == "STMTRS" || tag == "CCSTMTRS" {
				x.s, x.void = &statement{claimed: map[string]claim{}}, nil
			}
		default:
			value, _, _ := strings.Cut(text, "<")
			x.value(tag, clean(html.UnescapeString(value)))
		}
		if err != nil {
			return nil, err
		}
	}
}

func (x *ofxFile) value(tag, value string) {
	if tag == "DTSERVER" {
		x.made, _, _ = ofxTime(value)
	}
	if n := len(x.open); n > 0 && value != "" && x.open[n-1].values[tag] == "" {
		x.open[n-1].values[tag] = value
	}
}

// close ends an aggregate, and those in it that were left open.
func (x *ofxFile) close(tag string) error {
	at := slices.IndexFunc(x.open, func(g ofxGroup) bool { return g.tag == tag })
	for at >= 0 && len(x.open) > at {
		n := len(x.open) - 1
		g := x.open[n]
		x.open = x.open[:n]
		if err := x.take(g); err != nil {
			return err
		}
	}
	return nil
}

// take hands an aggregate that has ended to the one it is in.
func (x *ofxFile) take(g ofxGroup) error {
	switch {
	case g.tag == "FI":
		x.org = cmp.Or(x.org, g.values["ORG"])
	case g.tag == "STMTRS", g.tag == "CCSTMTRS":
		return x.finish(g)
	case g.tag == "STMTTRN", g.tag == "STMTTRNP":
		if i := slices.IndexFunc(x.open, func(g ofxGroup) bool { return g.tag == "STMTRS" || g.tag == "CCSTMTRS" }); i >= 0 {
			return x.row(x.open[i], g)
		}
	case len(x.open) > 0:
		for tag, value := range g.values {
			x.open[len(x.open)-1].values[g.tag+"/"+tag] = value
		}
	}
	return nil
}

// finish reads what is said of the account itself.
func (x *ofxFile) finish(g ofxGroup) error {
	s, v := x.s, g.values
	x.s = nil
	currency := strings.ToUpper(v["CURDEF"])
	if _, err := money.Parse("0", currency); err != nil {
		return damaged(g.line, "CURDEF", "not_a_currency")
	}
	kind, number := connectors.Deposit, compact(v["BANKACCTFROM/ACCTID"])
	switch {
	case g.tag == "CCSTMTRS":
		kind, number = connectors.CreditCard, compact(v["CCACCTFROM/ACCTID"])
	case v["BANKACCTFROM/ACCTTYPE"] == "CREDITLINE":
		kind = connectors.CreditLine
	}
	s.bank = institution{iban: number, bic: compact(v["BANKACCTFROM/BANKID"]), name: line(cmp.Or(x.org, v["BANKACCTFROM/BANKID"]))}
	if id := compact(v["BANKACCTFROM/BANKID"]); id != "" && !isIBAN(number) {
		number = id + "/" + number
	}
	s.account, s.made = accountNumbered(number, currency, kind), x.made
	for i, e := range s.entries {
		if slices.Contains(x.void, e.id) {
			s.bills[i].State = connectors.Failed
		}
	}
	if v["BANKTRANLIST/DTSTART"] != "" || v["BANKTRANLIST/DTEND"] != "" {
		from, _, ok1 := ofxTime(v["BANKTRANLIST/DTSTART"])
		to, _, ok2 := ofxTime(v["BANKTRANLIST/DTEND"])
		if ok1 && ok2 && !to.Before(from) {
			s.said = connectors.Span{From: calendarDay(from), To: calendarDay(to).AddDate(0, 0, 1)}
		} else {
			s.broken = append(s.broken, Problem{Code: "claim_unreadable", Of: "period"})
		}
	}
	if v["LEDGERBAL/BALAMT"] != "" {
		a, err := ofxAmount(v["LEDGERBAL/BALAMT"], currency)
		at, _, ok := ofxTime(v["LEDGERBAL/DTASOF"])
		if err == nil && ok {
			if s.account.Side == connectors.Debt {
				a = a.Neg() // section 3.2.9.2: what is owed is below zero
			}
			s.closing, s.closes = &a, calendarDay(at)
		} else {
			s.broken = append(s.broken, Problem{Code: "claim_unreadable", Of: "balance"})
		}
	}
	x.all = append(x.all, s)
	return nil
}

var ofxCharset = regexp.MustCompile(`(?im)^\s*CHARSET:\s*([A-Za-z0-9._-]+)|<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)`)

// ofxText is the file as text: UTF-8, or what its header says, or
// Windows-1252.
func ofxText(data []byte) (string, error) {
	if utf8.Valid(data) {
		return strings.TrimPrefix(string(data), bom), nil
	}
	label := ""
	if m := ofxCharset.FindSubmatch(data[:min(len(data), 1024)]); m != nil {
		label = cmp.Or(string(m[1]), string(m[2]))
	}
	if _, err := strconv.Atoi(label); err == nil {
		label = "windows-" + label
	}
	e, err := htmlindex.Get(label)
	if err != nil {
		e, _ = htmlindex.Get("windows-1252")
	}
	b, err := io.ReadAll(e.NewDecoder().Reader(bytes.NewReader(data)))
	if err != nil {
		return "", ErrUnknown.Because(err)
	}
	return string(b), nil
}

// ofxAmount reads section 3.2.9: a sign, digits, and a point or a comma.
func ofxAmount(s, currency string) (money.Amount, error) {
	if !strings.Contains(s, ".") {
		s = strings.Replace(s, ",", ".", 1)
	}
	s = strings.TrimSuffix(s, ".")
	if rest := strings.TrimLeft(s, "+-"); strings.HasPrefix(rest, ".") {
		s = s[:len(s)-len(rest)] + "0" + rest
	}
	return money.Parse(s, currency)
}

var ofxDate = regexp.MustCompile(`^([0-9]{8})(?:([0-9]{4})([0-9]{2})?(?:\.[0-9]{1,6})?)?\s*(?:\[\s*([+-]?[0-9]{1,2})(?:([.:])([0-9]{1,2}))?(?::[^\]]*)?\])?$`)

// ofxTime reads section 3.2.8: YYYYMMDDHHMMSS.XXX[offset:name]; without a zone
// it is Greenwich's. Banks that know the day alone write midnight or noon.
func ofxTime(s string) (t time.Time, dateOnly, ok bool) {
	m := ofxDate.FindStringSubmatch(clean(s))
	if m == nil {
		return t, false, false
	}
	day, err := time.ParseInLocation("20060102", m[1], zone)
	clock := m[2] + cmp.Or(m[3], "00")
	if m[2] == "" || clock == "000000" || clock == "120000" {
		return day, true, err == nil && plausible(day)
	}
	at := time.UTC
	if m[4] != "" {
		hours, _ := strconv.Atoi(m[4])
		part := 0 // "[-3.5:NST]", or "[+5:30]" as some write it
		switch minutes, _ := strconv.ParseFloat("0."+m[6], 64); {
		case m[5] == ":":
			n, _ := strconv.Atoi(m[6])
			part = n * 60
		case m[5] == ".":
			part = int(minutes * 3600)
		}
		if strings.HasPrefix(m[4], "-") {
			part = -part
		}
		seconds := hours*3600 + part
		if seconds < -14*3600 || seconds > 14*3600 {
			return t, false, false
		}
		at = time.FixedZone("", seconds)
	}
	t, err = time.ParseInLocation("20060102150405", m[1]+clock, at)
	return t, false, err == nil && plausible(t)
}

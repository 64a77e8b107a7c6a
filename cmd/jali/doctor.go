package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
)

// doctorCmd holds a client's configuration against a server that runs.
type doctorCmd struct {
	ClientID string   `help:"The client's id." name:"client-id" required:"" placeholder:"ID"`
	Redirect []string `help:"A redirect URI that the client uses. May be repeated." required:"" placeholder:"URI"`
	JWKS     string   `help:"File of the client's private key: a JWK, or a JWK set with one. It is not sent anywhere." name:"jwks" type:"existingfile" placeholder:"FILE"`
	Cert     string   `help:"File of the client's certificate (PEM), where it authenticates by it or its tokens are bound to it." type:"existingfile" placeholder:"FILE"`
	CertKey  string   `help:"File of the certificate's private key (PEM)." name:"cert-key" type:"existingfile" placeholder:"FILE"`
	CA       string   `help:"File of the authorities that vouch for the server (PEM), if this machine does not know them." name:"ca" type:"existingfile" placeholder:"FILE"`
	Webhook  string   `help:"The client's webhook_uri: a message that nobody signed is sent there, and has to be refused." placeholder:"URI"`
	JSON     bool     `help:"Answer in JSON."`
	Lang     string   `help:"The language of the answer: zh, en or both. Default: as LC_ALL or LANG says, or else en." enum:"zh,en,both," default:"" placeholder:"LANGUAGE"`
}

func (doctorCmd) Help() string {
	return `Looks from where the client runs: at the server's metadata, this machine's clock, the client's keys and certificate, and
whether a request with each redirect URI would be taken. That request is pushed, shown to nobody, and lapses after five minutes.
The exit status is 0 if nothing has to be changed, and 1 otherwise.

Examples:
  jali doctor --issuer https://jali.example --client-id client_7TQ2 --jwks private.jwks \
    --redirect https://app.bank.example/callback --webhook https://app.bank.example/hook
  jali doctor --issuer https://jali.example --client-id client_7TQ2 --cert client.pem --cert-key client.key \
    --redirect https://app.bank.example/callback --json`
}

// Validate is asked by kong.
func (d *doctorCmd) Validate() error {
	var missing []string
	if d.ClientID == "" {
		missing = append(missing, "the client's id (--client-id)")
	}
	if len(d.Redirect) == 0 {
		missing = append(missing, "a redirect URI (--redirect)")
	}
	if d.JWKS == "" && d.Cert == "" && d.CertKey == "" {
		missing = append(missing, "the client's key (--jwks) or its certificate (--cert, --cert-key)")
	}
	switch {
	case len(missing) > 0:
		return errors.New("name what is missing: " + strings.Join(missing, "; "))
	case (d.Cert == "") != (d.CertKey == ""):
		return errors.New("--cert and --cert-key go together")
	}
	return nil
}

// errUnwell ends a run in which something has to be changed. It has been said.
var errUnwell = errors.New("something has to be changed before this client can work")

// patience is for all of an examination.
const patience = time.Minute

func (d *doctorCmd) Run(c *cli) error {
	ctx, stop := signal.NotifyContext(background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	x, err := d.examination(c.Issuer)
	if err != nil {
		return err
	}
	words := wordsFor(d.Lang, os.Getenv)
	if !d.JSON {
		x.told = func(f finding) {
			for _, w := range words {
				w.finding(os.Stdout, f)
			}
		}
	}
	x.run(ctx)
	if d.JSON {
		return errors.Join(x.json(os.Stdout, words), x.verdict())
	}
	for _, w := range words {
		w.summary(os.Stdout, x.findings)
	}
	return x.verdict()
}

// grade says how a check ended.
type grade string

const (
	fine    grade = "fine"
	warning grade = "warning" // works, and should be changed
	failure grade = "failure" // does not work
	unseen  grade = "unseen"  // could not be looked at, for an earlier failure
)

// finding is what a check found, and what to change.
type finding struct {
	check        string
	grade        grade
	says, remedy words
}

// words are a sentence in both languages.
type words struct{ zh, en string }

func (x *examination) verdict() error {
	for _, f := range x.findings {
		if f.grade == failure {
			return errUnwell
		}
	}
	return nil
}

func (x *examination) json(to io.Writer, languages []speech) error {
	type told struct {
		Check  string `json:"check"`
		Grade  grade  `json:"grade"`
		Says   string `json:"says"`
		Remedy string `json:"remedy,omitempty"`
	}
	report := struct {
		Issuer   string `json:"issuer"`
		ClientID string `json:"client_id"`
		OK       bool   `json:"ok"`
		Checks   []told `json:"checks"`
	}{x.issuer, x.client.ID, x.verdict() == nil, []told{}}
	for _, f := range x.findings {
		var says, remedies []string
		for _, l := range languages {
			says, remedies = append(says, l.pick(f.says.zh, f.says.en)), append(remedies, l.pick(f.remedy.zh, f.remedy.en))
		}
		report.Checks = append(report.Checks, told{f.check, f.grade, strings.Join(says, "\n"), strings.TrimSpace(strings.Join(remedies, "\n"))})
	}
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

var marks = map[grade]string{fine: "✓", warning: "!", failure: "✗", unseen: "–"}

// titles are the names of checks.
var titles = map[string]words{
	"issuer":      {"签发方", "issuer"},
	"metadata":    {"元数据", "metadata"},
	"clock":       {"时钟", "clock"},
	"key":         {"密钥", "key"},
	"certificate": {"证书", "certificate"},
	"client":      {"客户端", "client"},
	"redirect":    {"回调地址", "redirect"},
	"data":        {"数据接口", "data API"},
	"webhook":     {"通知地址", "webhook"},
}

// finding writes a finding on one line, and what to change below it.
func (s speech) finding(w io.Writer, f finding) {
	title := titles[f.check]
	name := s.pick(title.zh, title.en)
	fmt.Fprintf(w, "%s %s%s %s\n", marks[f.grade], name, strings.Repeat(" ", max(0, s.width()-across(name))), clean(s.pick(f.says.zh, f.says.en)))
	if remedy := s.pick(f.remedy.zh, f.remedy.en); remedy != "" {
		fmt.Fprintf(w, "  %s → %s\n", strings.Repeat(" ", s.width()-2), clean(remedy))
	}
}

// width is of the longest name of a check, in columns.
func (s speech) width() (most int) {
	for _, t := range titles {
		most = max(most, across(s.pick(t.zh, t.en)))
	}
	return most
}

func (s speech) summary(w io.Writer, findings []finding) {
	count := map[grade]int{}
	for _, f := range findings {
		count[f.grade]++
	}
	switch {
	case count[failure] > 0:
		fmt.Fprintf(w, s.pick("\n有 %d 处要改。\n", "\n%d to change.\n"), count[failure])
	case count[warning] > 0:
		fmt.Fprint(w, s.pick("\n可以用了；带 ! 的最好也改一改。\n", "\nReady; what is marked ! should still be looked at.\n"))
	default:
		fmt.Fprint(w, s.pick("\n一切正常，可以上线。\n", "\nAll is well.\n"))
	}
}

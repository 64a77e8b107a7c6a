package cmb

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
)

const (
	maxAnswer = 8 << 20
	success   = "SUC0000"
	// unsigned stands in the place of the signature while it is made or checked.
	unsigned = "__signature_sigdat__"
)

type head struct {
	Function string `json:"funcode"`
	RequID   string `json:"reqid"`
	UserID   string `json:"userid"`
}

type stamp struct {
	Data string `json:"sigdat"`
	Time string `json:"sigtim"`
}

// request answers the sealed and signed form for one function.
func (c *Connector) request(h head, body any) (string, error) {
	var whole struct {
		Request struct {
			Body any  `json:"body"`
			Head head `json:"head"`
		} `json:"request"`
		Signature stamp `json:"signature"`
	}
	whole.Request.Body, whole.Request.Head = body, h
	whole.Signature = stamp{unsigned, c.now().In(wire.Beijing).Format("20060102150405")}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(whole); err != nil {
		return "", fmt.Errorf("cmb: %w", err)
	}
	text := canonical(b.Bytes())
	signature, err := c.sign(text)
	if err != nil {
		return "", err
	}
	text = bytes.Replace(text, []byte(`"`+unsigned+`"`), []byte(`"`+signature+`"`), 1)
	return url.Values{"UID": {c.uid}, "FUNCODE": {h.Function}, "ALG": {"SM"}, "DATA": {c.seal(text)}}.Encode(), nil
}

// requID is unique, and tells the moment as the bank wants it.
func (c *Connector) requID() string {
	return strings.Replace(c.now().In(wire.Beijing).Format("20060102150405.000"), ".", "", 1) + rand.Text()
}

// call asks one function and reads its body into out, once the bank's
// signature has been checked.
func (c *Connector) call(ctx context.Context, function string, body, out any) error {
	h := head{Function: function, RequID: c.requID(), UserID: c.uid}
	form, err := c.request(h, body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.api.String(), strings.NewReader(form))
	if err != nil {
		return connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := wire.Do(c.http, r, maxAnswer)
	if err != nil {
		return err
	}
	if err := status(a, c.now()); err != nil {
		return err
	}
	content, err := c.open(a.Body, h)
	if err != nil {
		return err
	}
	if err := dial.JSON(content, out); err != nil {
		return connectors.ErrMalformed.Because(err)
	}
	return nil
}

// status reads what stands before the server, which knows nobody's link.
func status(a dial.Answer, now time.Time) error {
	err := connectors.Answered(a.Status, a.RetryAfter(now))
	if errors.Is(err, connectors.ErrUnauthorized) {
		return connectors.ErrRefused.Because(fault.Cause("HTTP status", a.Status))
	}
	return err
}

// open answers the body of an answer that the bank sealed and signed for the
// request that h stood in.
func (c *Connector) open(sealed []byte, h head) (json.RawMessage, error) {
	if bytes.HasPrefix(bytes.TrimSpace(sealed), []byte("CDCServer:")) {
		return nil, connectors.ErrRefused.Because(fault.Cause("the gateway refused the request itself"))
	}
	text, err := c.unseal(sealed)
	if errors.Is(err, errNotSealed) {
		return nil, connectors.ErrMalformed.Because(err)
	}
	var whole struct {
		Response struct {
			Body json.RawMessage `json:"body"`
			Head struct {
				head
				Code string `json:"resultcode"`
			} `json:"head"`
		} `json:"response"`
		Signature stamp `json:"signature"`
	}
	// What cannot be read was changed underway: the bank's own seal opens to JSON.
	if err != nil || dial.JSON(text, &whole) != nil {
		return nil, connectors.ErrUnsigned.Because(fault.Cause("the seal does not open to a document"))
	}
	quoted := []byte(`"sigdat":"` + whole.Signature.Data + `"`)
	said := canonical(text)
	if bytes.Count(said, quoted) != 1 || !c.signed(bytes.Replace(said, quoted, []byte(`"sigdat":"`+unsigned+`"`), 1), whole.Signature.Data) {
		return nil, connectors.ErrUnsigned
	}
	if whole.Response.Head.head != h {
		return nil, connectors.ErrMalformed.Because(fault.Cause("the answer to another request"))
	}
	if err := outcome(whole.Response.Head.Code); err != nil {
		return nil, err
	}
	if len(whole.Response.Body) == 0 || whole.Response.Body[0] != '{' {
		return nil, connectors.ErrMalformed.Because(fault.Cause("an answer without a body"))
	}
	return whole.Response.Body, nil
}

// outcomes are the codes of resultcode that the documents' examples show. Any
// other is a refusal as well: the bank publishes no table of them.
var outcomes = map[string]*fault.Error{
	"FAAQ086": connectors.ErrRefused, // 户口不存在
	"FAAA002": connectors.ErrRefused, // an account that is not to be asked for
	"FABZ002": connectors.ErrRefused, // 业务条件检查失败
}

func outcome(code string) error {
	switch f, known := outcomes[code]; {
	case code == success:
		return nil
	case code == "":
		return connectors.ErrMalformed.Because(fault.Cause("an answer without a resultcode"))
	case known:
		return f.Because(fault.Cause("a resultcode that the documents show"))
	}
	return connectors.ErrRefused.Because(fault.Cause("another resultcode"))
}

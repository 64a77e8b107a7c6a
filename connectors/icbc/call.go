package icbc

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"jali/connectors"
	"jali/connectors/wire"
	"jali/internal/dial"
	"jali/internal/fault"
)

const (
	service   = "/mybank/account/accountdetailservice/"
	maxAnswer = 8 << 20
)

// params are the parameters of one request, signed. extra stand beside the
// common ones.
func (c *Connector) params(u *url.URL, biz any, extra map[string]string) (url.Values, error) {
	var content bytes.Buffer
	e := json.NewEncoder(&content)
	e.SetEscapeHTML(false)
	if err := e.Encode(biz); err != nil {
		return nil, fmt.Errorf("icbc: %w", err)
	}
	all := map[string]string{
		"app_id": c.appID, "msg_id": rand.Text(), "format": "json", "charset": "UTF-8", "sign_type": c.signType,
		"timestamp": c.now().In(wire.Beijing).Format(time.DateTime), "biz_content": strings.TrimSuffix(content.String(), "\n"),
	}
	for name, value := range extra {
		all[name] = value
	}
	sign, err := c.sign(orderedText(u.EscapedPath(), all))
	if err != nil {
		return nil, fmt.Errorf("icbc: sign: %w", err)
	}
	form := url.Values{"sign": {sign}}
	for name, value := range all {
		form.Set(name, value)
	}
	return form, nil
}

// call asks one interface of the service and reads its business content into
// out, once the gateway's signature over it has been checked.
func (c *Connector) call(ctx context.Context, name string, biz, out any) error {
	u := c.gateway.JoinPath("api", service, name, "V1")
	form, err := c.params(u, biz, nil)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return connectors.ErrMalformed.Because(fault.Cause("not an address"))
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.Header.Set("Accept", "application/json")
	a, err := wire.Do(c.http, r, maxAnswer)
	if err != nil {
		return err
	}
	wait := a.RetryAfter(c.now())
	if err := connectors.Answered(a.Status, wait); err != nil {
		if errors.Is(err, connectors.ErrUnauthorized) {
			// What stands before the gateway knows nothing of agreements.
			return connectors.ErrRefused.Because(fault.Cause("HTTP status", a.Status))
		}
		return err
	}
	content, err := c.open(a.Body)
	if err != nil {
		return err
	}
	if err := outcome(content, wait); err != nil {
		return err
	}
	if err := dial.JSON(content, out); err != nil {
		return connectors.ErrMalformed.Because(err)
	}
	return nil
}

// open answers the business content of an answer that the gateway signed.
func (c *Connector) open(body []byte) (json.RawMessage, error) {
	var a struct {
		Content json.RawMessage `json:"response_biz_content"`
		Sign    string          `json:"sign"`
	}
	if err := dial.JSON(body, &a); err != nil {
		return nil, connectors.ErrMalformed.Because(err)
	}
	if len(a.Content) == 0 || a.Content[0] != '{' {
		return nil, connectors.ErrMalformed.Because(fault.Cause("no response_biz_content"))
	}
	if !c.signed(a.Content, a.Sign) {
		return nil, connectors.ErrUnsigned
	}
	return a.Content, nil
}

// errFailed is the service's own "failed" (处理失败), which is all it says of an
// agreement that does not stand any more.
var errFailed = connectors.ErrRefused.Because(fault.Cause("the service failed to answer"))

// gatewayFaults are the codes of return_code, of the platform's table of 返回码.
// What it does not list is a refusal if it is positive (业务报错), and a failure of
// the bank if it is negative (系统报错).
var gatewayFaults = map[int]*fault.Error{
	400011: connectors.ErrRefused, // 参数非法: app id, signature missing, clock
	400016: connectors.ErrRefused, // app 公钥未维护
	400017: connectors.ErrRefused, // 签名验证失败
	400019: connectors.ErrRefused, // 授权验证失败
	400051: connectors.ErrRefused, // app id 前缀错误
	500018: connectors.ErrRefused, // 访问的 API 不存在
	500020: connectors.ErrRefused, // 非法调用
	500031: connectors.ErrBusy,    // 速率超限
	500032: connectors.ErrBusy,    // 并发超限
	500043: connectors.ErrDown,    // 网关配置文件错误
	500091: connectors.ErrRefused, // 没有管理权限
	5205:   connectors.ErrDown,    // 系统繁忙，请您稍后重试
	9990:   connectors.ErrRefused, // 字段检查失败
}

// outcome reads the gateway's return_code and the service's retcode; the first
// stands alone where the gateway did not come to ask the service.
func outcome(content []byte, wait time.Duration) error {
	var a struct {
		Gateway text `json:"return_code"`
		Service text `json:"retcode"`
	}
	if err := dial.JSON(content, &a); err != nil {
		return connectors.ErrMalformed.Because(err)
	}
	if a.Gateway != "" && a.Gateway != "0" {
		code, err := strconv.Atoi(string(a.Gateway))
		if err != nil {
			return connectors.ErrMalformed.Because(fault.Cause("return_code is not a number"))
		}
		f, known := gatewayFaults[code]
		if !known {
			f = connectors.ErrRefused
			if code < 0 {
				f = connectors.ErrDown
			}
		}
		return f.After(wait).Because(fault.Cause("return_code", code/1000, code%1000))
	}
	switch a.Service {
	case "0", "9008100":
		return nil
	case "-2", "-999", "9008101":
		return errFailed
	case "9008200":
		return connectors.ErrRefused.Because(fault.Cause("the service calls a parameter wrong"))
	}
	return connectors.ErrMalformed.Because(fault.Cause("an answer without a retcode that is known"))
}

// text is a member that some answers write as a string and some as a number.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*t = text(n)
	return nil
}

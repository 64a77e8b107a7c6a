package alipay

import (
	"errors"
	"strings"
	"time"

	"jali/connectors"
	"jali/internal/fault"
)

// problem is what every answer of v2 may say beside its own members.
type problem struct {
	Code    string `json:"code"`
	SubCode string `json:"sub_code"`
}

// failed reports whether the answer is an error; alipay.system.oauth.token
// leaves the code out when it succeeds.
func (p problem) failed() bool { return p.Code != "" && p.Code != "10000" }

func (p problem) said() problem { return p }

// answered is an answer of either protocol.
type answered interface{ said() problem }

// errNoBill means that there is no file for a month: nothing moved in it. It is
// the cause of a refusal.
var errNoBill = fault.Cause("there is no file of that month")

// meant are the published codes that mean more than no, without the prefix that
// says who raised them: the public ones of either protocol, and those of the
// methods spoken here. v2 gives them as sub_code, v3 as code.
var meant = map[string]error{
	// The person has to agree anew.
	"invalid-auth-token": connectors.ErrUnauthorized, "auth-token-time-out": connectors.ErrUnauthorized,
	"code-invalid": connectors.ErrUnauthorized, "refresh-token-invalid": connectors.ErrUnauthorized,
	"refresh-token-time-out": connectors.ErrUnauthorized, "refreshed-token-invalid": connectors.ErrUnauthorized,
	"insufficient-user-permissions": connectors.ErrUnauthorized, "invalid-auth-relations": connectors.ErrUnauthorized,
	// Fewer calls.
	"app-call-limited": connectors.ErrBusy, "method-call-limited": connectors.ErrBusy,
	"SYSTEM_RATE_LIMIT": connectors.ErrBusy, "USER_RATE_LIMIT": connectors.ErrBusy,
	// Later.
	"unknow-error": connectors.ErrDown, "SYSTEM_ERROR": connectors.ErrDown, "SYSTEM_BUSY": connectors.ErrDown,
	"UNKNOWN_ERROR": connectors.ErrDown, "PROCESSING": connectors.ErrDown,
	// The application's own authorization, which no person can mend.
	"invalid-app-auth-token": connectors.ErrRefused, "invalid-app-auth-token-no-api": connectors.ErrRefused,
	"app-auth-token-time-out": connectors.ErrRefused, "no-product-reg-by-partner": connectors.ErrRefused,
	"invalid-app-auth-relations": connectors.ErrRefused, "not-support-app-auth": connectors.ErrRefused,
	// A month without a file. The enumeration says BILL_NOT_EXIST, the wire the first.
	"bill_not_exist": errNoBill, "BILL_NOT_EXIST": errNoBill, "NO_BILL_DATA": errNoBill,
	"BILL_DATE_BEFORE_REGISTRATION": errNoBill,
}

// known answers what a code means, if it is one of the above.
func known(code string, wait time.Duration, cause error) error {
	switch err := meant[bare(code)].(type) {
	case nil:
		return nil
	case *fault.Error:
		return err.After(wait).Because(cause)
	default:
		return connectors.ErrRefused.Because(errors.Join(err, cause))
	}
}

// bare takes the prefix off a code: "isv.code-invalid", "ACQ.SYSTEM_ERROR".
func bare(code string) string { return code[strings.LastIndexByte(code, '.')+1:] }

// fault translates an error of v2. The words that came with the codes are not
// passed on: they may repeat what was sent.
func (p problem) fault(wait time.Duration) error {
	if !p.failed() {
		return nil
	}
	cause := errors.Join(fault.Coded("Alipay code", p.Code), fault.Coded("sub-code", p.SubCode))
	if err := known(p.SubCode, wait, cause); err != nil {
		return err
	}
	switch p.Code {
	case "20000":
		return connectors.ErrDown.After(wait).Because(cause)
	case "20001":
		return connectors.ErrUnauthorized.Because(cause)
	case "40004":
		if strings.HasPrefix(p.SubCode, "isp.") {
			return connectors.ErrDown.After(wait).Because(cause)
		}
	case "40005":
		return connectors.ErrBusy.After(wait).Because(cause)
	}
	return connectors.ErrRefused.Because(cause)
}

// restFault translates an error of v3: by its code, and where that is none of
// those above by its status, which of a person's token says nothing: what
// stands before the API knows none.
func restFault(status int, code string, wait time.Duration) error {
	cause := errors.Join(fault.Cause("HTTP status", status), fault.Coded("Alipay code", code))
	if err := known(code, wait, cause); err != nil {
		return err
	}
	if err := connectors.Answered(status, wait); err != nil && !errors.Is(err, connectors.ErrUnauthorized) {
		return err
	}
	return connectors.ErrRefused.Because(cause)
}

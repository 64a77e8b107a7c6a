package mock

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// opened answers the account with a number, if a customer number that stands
// opens it: the direct link itself asks for none.
func (c zhaoluCounter) opened(number string) *account {
	for _, p := range c.t.people() {
		a := p.at(ZhaoluBank, savings)
		if a == nil || a.number != number {
			continue
		}
		var clients []string
		c.t.state.mu.Lock()
		for text, k := range c.t.state.Passes {
			if k.Institution == ZhaoluBank && k.Kind == accessPass && k.Person == p.id {
				clients = append(clients, text)
			}
		}
		c.t.state.mu.Unlock()
		for _, client := range clients {
			if _, ok := c.t.bearer(c.x, ZhaoluBank, client, c.now); ok {
				return a
			}
		}
	}
	return nil
}

// totalAccounts is TotalAccountDirect (总账户查询) by a customer number.
func (c zhaoluCounter) totalAccounts() {
	var in struct {
		Req []struct {
			ClientNbr string `json:"clientNbr"`
			QueryType string `json:"queryType"`
		} `json:"TotalAccountDirectReq"`
	}
	if json.Unmarshal(c.body, &in) != nil || len(in.Req) != 1 || in.Req[0].ClientNbr == "" || !strings.Contains("ABC", in.Req[0].QueryType) || in.Req[0].QueryType == "" {
		c.say("FABZ002", "业务条件检查失败", struct{}{})
		return
	}
	rows := []any{}
	if k, ok := c.t.bearer(c.x, ZhaoluBank, in.Req[0].ClientNbr, c.now); ok {
		a := c.t.instead(c.x, c.t.personByID(k.Person).at(ZhaoluBank, savings))
		_, _, now := c.sums(a)
		rows = append(rows, map[string]string{"cardNbr": a.number, "cardName": a.holder, "cardType": "LI", "currencyNbr": "10", "status": "A",
			"onlineBalance": yuan(now), "availableBalance": yuan(now), "freezeBalance": yuan(0), "overDraftLimit": yuan(0), "branchNbr": "93", "openDate": "20240101"})
	}
	c.say("SUC0000", "", map[string]any{"TotalAccountDirectRsp": listed(c.x, rows)})
}

// sums answers an account's rows of now, what it held at midnight and now.
func (c zhaoluCounter) sums(a *account) (rows []bankRow, closed, current int64) {
	y, m, d := c.now.In(beijing).Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, beijing)
	closed, current = a.opening, a.opening
	c.t.read(c.now, func() {
		rows = a.bankRows(c.now)
		for _, row := range rows {
			current += row.amount
			if row.at.Before(midnight) {
				closed += row.amount
			}
		}
	})
	return rows, closed, current
}

// balances is NTQADINF (账户详细信息查询) of up to 30 accounts.
func (c zhaoluCounter) balances() {
	var in struct {
		Rows []struct {
			Accnbr string `json:"accnbr"`
		} `json:"ntqadinfx"`
	}
	if json.Unmarshal(c.body, &in) != nil || len(in.Rows) == 0 || len(in.Rows) > 30 {
		c.say("FABZ002", "业务条件检查失败", struct{}{})
		return
	}
	out := []any{}
	for _, one := range in.Rows {
		a := c.opened(one.Accnbr)
		if a == nil {
			out = append(out, map[string]string{"accnbr": one.Accnbr, "errcod": "FAAQ086", "errtxt": "户口不存在"})
			continue
		}
		a = c.t.instead(c.x, a)
		_, closed, now := c.sums(a)
		out = append(out, map[string]string{"accnbr": a.number, "accnam": a.holder, "bbknbr": "93", "ccynbr": "10", "stscod": "A", "opndat": "20240101",
			"accblv": yuan(closed), "onlblv": yuan(now), "avlblv": yuan(now), "hldblv": yuan(0), "lmtovr": yuan(0), "errcod": "SUC0000", "errtxt": ""})
	}
	c.say("SUC0000", "", map[string]any{"ntqadinfz": listed(c.x, out)})
}

type zhaoluBreak struct {
	Acct string `json:"acctNbr"`
	Date string `json:"transDate"`
	Next string `json:"expectNextSequence"`
}

// transactions is trsQryByBreakPoint (账户交易信息断点查询): the days asked for,
// oldest first, from the break-point on if there is one.
func (c zhaoluCounter) transactions() {
	var in struct {
		X1 []struct {
			Card  string `json:"cardNbr"`
			Begin string `json:"beginDate"`
			End   string `json:"endDate"`
			Seq   string `json:"transactionSequence"`
			Going string `json:"queryAcctNbr"`
		} `json:"TRANSQUERYBYBREAKPOINT_X1"`
		Y1 []zhaoluBreak `json:"TRANSQUERYBYBREAKPOINT_Y1"`
	}
	bad := json.Unmarshal(c.body, &in) != nil || len(in.X1) != 1 || len(in.Y1) > 1
	var from, last time.Time
	first := 1
	if !bad {
		var err1, err2, err3 error
		from, err1 = time.ParseInLocation("20060102", in.X1[0].Begin, beijing)
		last, err2 = time.ParseInLocation("20060102", in.X1[0].End, beijing)
		if len(in.Y1) == 1 {
			first, err3 = strconv.Atoi(in.Y1[0].Next)
		}
		bad = err1 != nil || err2 != nil || err3 != nil || last.Before(from) || from.Before(c.now.AddDate(0, -13, -1)) || in.X1[0].Seq != "1" || first < 1
	}
	if bad {
		c.say("FABZ002", "业务条件检查失败", struct{}{})
		return
	}
	a := c.opened(in.X1[0].Card)
	if a == nil || (len(in.Y1) == 1 && in.Y1[0].Acct != in.X1[0].Card) || (in.X1[0].Going != "" && in.X1[0].Going != in.X1[0].Card) {
		c.say("FAAQ086", "户口不存在", struct{}{})
		return
	}
	told := c.t.instead(c.x, a)
	rows, _, _ := c.sums(told)
	here, more, next := []map[string]string{}, "N", first
	debits, credits, out, in2 := 0, 0, int64(0), int64(0)
	for i, row := range rows {
		if !row.at.Before(last.AddDate(0, 0, 1)) {
			break
		}
		if i+1 < first || row.at.Before(from) {
			next = max(next, i+2)
			continue
		}
		if len(here) == zhaoluPage {
			more = "Y"
			break
		}
		next = i + 2
		here = append(here, told.zhaoluRow(i+1, row, in.X1[0].Card))
		if row.amount < 0 {
			debits, out = debits+1, out+row.amount
		} else {
			credits, in2 = credits+1, in2+row.amount
		}
	}
	total := map[string]string{"ctnFlag": more, "queryAcctNbr": "", "debitNums": strconv.Itoa(debits), "debitAmount": yuan(out),
		"creditNums": strconv.Itoa(credits), "creditAmount": yuan(in2)}
	if more == "Y" {
		total["queryAcctNbr"] = a.number
	}
	c.say("SUC0000", "", map[string]any{
		"TRANSQUERYBYBREAKPOINT_Y1": []zhaoluBreak{{a.number, last.Format("20060102"), strconv.Itoa(next)}},
		"TRANSQUERYBYBREAKPOINT_Z1": []any{total},
		"TRANSQUERYBYBREAKPOINT_Z2": listed(c.x, here),
	})
}

func (a *account) zhaoluRow(serial int, row bankRow, card string) map[string]string {
	at := row.at.In(beijing)
	way := "C"
	if row.amount < 0 {
		way = "D"
	}
	m := map[string]string{"transDate": at.Format("20060102"), "transTime": at.Format("150405"), "valueDate": at.Format("20060102"),
		"transSequenceIdn": "C" + strconv.Itoa(1e13 + serial)[1:] + "Z", "loanCode": way, "transAmount": yuan(row.amount), "currencyNbr": "10",
		"textCode": row.sub, "remarkTextClt": row.info, "businessName": row.own, "reversalFlag": "N", "acctOnlineBal": yuan(row.balance),
		"yurRef": row.ref, "ctpAcctName": row.merchant + "  "} // the bank fills up with spaces
	if row.other != nil {
		m["ctpAcctNbr"], m["ctpAcctName"] = row.other.number, row.other.holder+"  "
	}
	if a.number != card {
		m["transCardNbr"] = a.number
	}
	return m
}

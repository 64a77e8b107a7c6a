package main

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"jali/consent"
	"jali/consent/passkey"
	"jali/internal/fault"
	"jali/internal/jose"
)

// speech is what `jali receipt verify` says, in one language.
type speech struct {
	zh bool
}

// wordsFor answers the languages to speak: the one asked for, or the locale's.
func wordsFor(lang string, env func(string) string) []speech {
	switch lang {
	case "both":
		return []speech{{true}, {false}}
	case "":
		lang = cmp.Or(env("LC_ALL"), env("LC_MESSAGES"), env("LANG"))
	}
	return []speech{{strings.HasPrefix(lang, "zh")}}
}

func (s speech) pick(zh, en string) string {
	if s.zh {
		return zh
	}
	return en
}

// faults are the words for why a receipt proves nothing, by code.
var faults = map[string][2]string{
	errNotReceipt.Code:       {"这不是花窗的回执", "this is no receipt of Jali's"},
	errUnread.Code:           {"文件读不出来", "the file cannot be read"},
	errIssuer.Code:           {"它不是 --issuer 所说的签发方签发的", "it is from another issuer than --issuer names"},
	errContradict.Code:       {"回执所说的，和通行密钥签下的对不上", "what it says is not what the passkey signed"},
	jose.ErrMalformed.Code:   {"这不是花窗的回执", "this is no receipt of Jali's"},
	jose.ErrRefused.Code:     {"这不是花窗的回执（类型不符）", "this is no receipt of Jali's (its type is another)"},
	jose.ErrSignature.Code:   {"签名不对：它被改过，或者不是这个签发方签的", "the signature is wrong: it was changed, or this issuer never signed it"},
	passkey.ErrEvidence.Code: {"通行密钥的证明不成立", "the passkey's proof does not hold"},
}

// tell writes what one receipt proves, or why it proves nothing. What it
// claims is shown only once it is proven.
func (s speech) tell(w io.Writer, name string, r receipt, err error) {
	if err != nil {
		f := fault.Of(err)
		why := s.pick("出错了", "something went wrong")
		if words, ok := faults[f.Code]; ok {
			why = s.pick(words[0], words[1])
		}
		if errors.Is(err, passkey.ErrEvidence) {
			why += s.pick("：", ": ") + f.Detail
		}
		fmt.Fprintf(w, "%s: %s\n  %s\n", name, s.pick("不可信", "NOT GENUINE"), why)
		return
	}
	fmt.Fprintf(w, "%s: %s\n", name, s.pick("真实有效", "genuine"))
	line := func(zh, en, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %s: %s\n", s.pick(zh, en), clean(value))
		}
	}
	switch r.Kind {
	case "grant":
		what := s.pick("同意了一项授权", "agreed to a grant")
		if r.Yes > 1 {
			what = fmt.Sprintf(s.pick("第 %d 次同意，更改了一项授权", "yes no. %d: agreed to change a grant"), r.Yes)
		}
		line("什么事", "what", what)
		line("谁同意的", "who", r.Person)
		line("给谁", "to whom", s.client(r))
		s.terms(line, r.Agreed)
		line("对方屏幕上的话", "the other screen said", r.Agreed.Binding)
		if r.AgreedAt.IsZero() {
			line("时间", "when", s.pick("不晚于 ", "not after ")+s.moment(r.Agreed.Expires))
		} else {
			line("时间", "when", s.moment(r.AgreedAt))
		}
		line("授权编号", "grant", r.Grant)
	case "revocation":
		by := map[string]string{"person": s.pick("本人", "the person"), "client": s.pick("应用", "the client"), "operator": s.pick("运营者", "the operator"),
			"restore": s.pick("系统恢复到较早的备份", "a restored backup")}[r.RevokedBy]
		line("什么事", "what", s.pick("撤销了一项授权", "a grant was revoked"))
		line("谁的授权", "whose", r.Person)
		line("给谁的", "to whom", r.Client)
		line("由谁撤销", "by whom", cmp.Or(by, r.RevokedBy))
		line("时间", "when", s.moment(r.RevokedAt))
		line("最后同意于", "last agreed to", s.moment(r.AgreedAt))
		line("授权编号", "grant", r.Grant)
		line("所同意原文的 SHA-256", "SHA-256 of what was agreed", r.Agreement)
	case "deletion":
		what := map[string]string{
			"person":     s.pick("删除了账户和加密它的密钥", "an account was deleted, with the keys it was sealed under"),
			"connection": s.pick("断开了一个机构，加密它的密钥也销毁了", "a source was disconnected, and the key it was sealed under destroyed"),
			"views":      s.pick("撤销授权时还开着的视图一并销毁了", "the views that were open when a grant was revoked were destroyed"),
		}[r.Of]
		line("什么事", "what", what)
		line("谁删除的", "who", r.Person)
		line("时间", "when", s.moment(r.DeletedAt))
		line("机构", "source", r.Source)
		line("连接编号", "connection", r.Connection)
		line("授权编号", "grant", r.Grant)
		line("销毁了", "destroyed", s.counts(r.Destroyed))
		line("密钥销毁于", "keys destroyed", s.moment(r.KeysDestroyed))
		line("以前的备份", "backups from before", s.backups(r))
	}
	line("签发方", "issuer", r.Issuer)
	proved := s.pick("签发方的签名", "the issuer's signature")
	signed := r.Kind == "grant" || r.Of == "person"
	if signed {
		proved += s.pick("；通行密钥签下了这段原文的 SHA-256，在签发方的网页上，本人在场并通过了验证",
			"; the passkey signed the SHA-256 of exactly this, on the issuer's own page, with its person there and verified")
	}
	line("证明了", "proven", proved)
	if signed {
		line("通行密钥", "passkey", base64.RawURLEncoding.EncodeToString(r.Evidence.Credential))
	}
}

// destroyed are what a deletion counts, in the order they are told.
var destroyed = []struct{ name, zh, en string }{
	{"connections", "个连接", "connections"}, {"accounts", "个账户", "accounts"}, {"bills", "笔收下的账单", "imported bills"},
	{"grants", "项授权", "grants"}, {"views", "个视图", "views"},
}

func (s speech) counts(of map[string]int) string {
	var list []string
	for _, d := range destroyed {
		if n, ok := of[d.name]; ok {
			en := d.en
			if n == 1 {
				en = strings.TrimSuffix(en, "s")
			}
			list = append(list, fmt.Sprint(n, " ", s.pick(d.zh, en)))
		}
	}
	return strings.Join(list, s.pick("、", ", "))
}

// backups says what of this can still be read in a copy from before. A view's
// key was in none.
func (s speech) backups(r receipt) string {
	switch {
	case r.Of == "views":
		return s.pick("从来没有这些视图的密钥", "never held a key of these views")
	case r.BackupsEnd.IsZero():
		return s.pick("运营者更换根密钥之前还能打开，日期未定", "the operator can open them until it renews its root keys; no date is set")
	}
	return s.pick("最迟从 ", "open no more from ") + s.moment(r.BackupsEnd) + s.pick(" 起打不开（除非有人留着那以前的锚文件）", " at the latest (unless a copy of the anchor from before that was kept)")
}

// members are the words of authorization_details in words for people.
var members = map[string][2]string{
	"balances":   {"余额", "balances"},
	"bills":      {"账单", "bills"},
	"statements": {"对账单", "statements"},
	"minimal":    {"日期、金额、收支、类型和分类", "date, amount, direction, kind and category"},
	"standard":   {"日期、时间、金额、收支、类型、分类、商户名和付款账户的虚拟账号", "date, time, amount, direction, kind, category, shop's name and the paying account's alias"},
	"full":       {"全部，包括商品说明和订单参考号", "all, with description and order reference"},
	"PT0S":       {"不保存，看完即弃", "not at all"},
}

// word is a member in words, or as it stands: a retention is an ISO 8601 duration.
func (s speech) word(member string) string {
	if w, ok := members[member]; ok {
		return s.pick(w[0], w[1])
	}
	return member
}

func (s speech) client(r receipt) string {
	return s.pick(r.Agreed.Client.Name.ZH, r.Agreed.Client.Name.EN) + " (" + r.Client + ")"
}

func (s speech) terms(line func(zh, en, value string), a agreement) {
	t := a.Terms
	purpose := t.Purpose
	if rule, ok := consent.Purpose(t.Purpose).Rule(); ok {
		purpose = s.pick(rule.Name.ZH, rule.Name.EN)
	}
	line("用途", "for", purpose)
	var data []string
	for _, d := range t.Datatypes {
		data = append(data, s.word(d))
	}
	line("数据", "data", strings.Join(data, s.pick("、", ", ")))
	line("每笔账单", "of each bill", s.word(t.Fields))
	line("机构", "sources", cmp.Or(strings.Join(t.Sources, ", "), s.pick("由本人挑选", "as the person picked")))
	line("账户", "accounts", fmt.Sprintf(s.pick("%d 个", "%d"), len(a.Accounts)))
	switch {
	case t.Period.Days > 0:
		line("期间", "period", fmt.Sprintf(s.pick("每次查看时的最近 %d 天", "the last %d days at each use"), t.Period.Days))
	case t.Period.From != "":
		line("期间", "period", t.Period.From+" – "+t.Period.To)
	}
	uses := fmt.Sprintf(s.pick("共 %d 次", "%d in all"), t.Uses.Limit)
	if t.Uses.Per != "" {
		uses = fmt.Sprintf(s.pick("每天 %d 次（%s）", "%d a day (%s)"), t.Uses.Limit, t.Uses.TZ)
	}
	line("次数", "uses", uses)
	until, _ := time.Parse(time.RFC3339, t.Until)
	line("有效期至", "until", s.moment(until))
	line("保存", "kept", s.word(t.Retention))
}

// moment is a time in UTC: a receipt is read anywhere.
func (s speech) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// clean keeps what a receipt says from commanding a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, text)
}

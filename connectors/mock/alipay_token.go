package mock

import "time"

// alipayToken is alipay.system.oauth.token: a code, once, or a refresh token
// against tokens. A refresh token serves until it expires.
func (t *Town) alipayToken(a alipayAsk) ([]member, *alipayFault) {
	var kind passKind
	var text string
	badText := invalid("code-invalid", "授权码code无效")
	switch a.params["grant_type"] {
	case "authorization_code":
		kind, text = codePass, a.params["code"]
		if text == "" {
			return nil, missing("code")
		}
	case "refresh_token":
		kind, text = refreshPass, a.params["refresh_token"]
		badText = invalid("refresh-token-invalid", "刷新令牌refresh_token无效")
		if text == "" {
			return nil, missing("refresh-token")
		}
	default:
		return nil, invalid("grant-type-invalid", "授权类型grant_type无效")
	}
	var p *person
	var access, refresh string
	err := t.state.change(func() error {
		held, ok := t.state.Passes[text]
		if !ok || held.Institution != Alipay || held.Kind != kind || held.Spent || !a.now.Before(held.Until) {
			return nil
		}
		p = t.personByID(held.Person)
		if kind == codePass {
			held.Spent = true
		}
		granted := pass{Institution: Alipay, Kind: accessPass, Person: p.id, Scope: held.Scope, Until: a.now.Add(alipayTokens)}
		access = t.state.issue("authusrB", a.now, granted)
		granted.Kind, granted.Until = refreshPass, a.now.Add(alipayRefresh)
		refresh = t.state.issue("authusrR", a.now, granted)
		return nil
	})
	switch {
	case err != nil:
		return nil, alipayDown
	case p == nil:
		return nil, badText
	}
	told := t.wallets(a.x, p)
	return []member{
		{"access_token", access},
		{"auth_start", a.now.In(beijing).Format(alipayTime)},
		{"expires_in", int(alipayTokens / time.Second)},
		{"open_id", told.wallet.openID},
		{"re_expires_in", int(alipayRefresh / time.Second)},
		{"refresh_token", refresh},
		{"user_id", told.wallet.userID},
	}, nil
}

package problems

import "jali/internal/fault"

// oauth are the errors that RFC 6749 and its extensions name; invalid_token,
// invalid_dpop_proof and use_dpop_nonce stand with those of the data API.
var oauth = []Entry{
	{
		Code: "invalid_request", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"请求不合规范", "The request is malformed"},
		Meaning: Name{"某个参数缺失、重复、读不懂，或者在这里不能用（RFC 6749）。", "A parameter is missing, doubled, unreadable or not acceptable here (RFC 6749)."},
		Remedy:  Name{"`error_description` 指出是哪一个。", "`error_description` names it."},
	},
	{
		Code: "invalid_client", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"应用没有通过验证", "The client was not authenticated"},
		Meaning: Name{"应用、它的断言或密钥不被接受，或者它已被停用（RFC 6749）。", "The client, its assertion or its key is not accepted, or the operator has suspended it (RFC 6749)."},
		Remedy:  Name{"断言要用注册过的密钥签名，`iss` 和 `sub` 是 `client_id`，`aud` 只有 issuer 一个，`jti` 每次新的，`exp` 不超过五分钟。`jali doctor` 会一项项检查。", "Sign the assertion with a registered key; `iss` and `sub` are the `client_id`, `aud` is the issuer alone, `jti` is new, `exp` at most five minutes ahead. `jali doctor` checks each."},
	},
	{
		Code: "invalid_grant", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"授权码或令牌不能用了", "The code or token is not good"},
		Meaning: Name{"授权码、`code_verifier`、`redirect_uri`、刷新令牌或 `auth_req_id` 不对、用过、过期，或者是别人的；或者授权已经结束。", "The code, `code_verifier`, `redirect_uri`, refresh token or `auth_req_id` is wrong, was used, has expired or is another's; or the grant has ended."},
		Remedy:  Name{"不要重试：重新推送请求，请本人再决定。授权码活一分钟，只能用一次。", "Do not try it again: push a new request. A code lives one minute and works once."},
	},
	{
		Code: "invalid_authorization_details", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"所要的授权不合规定", "What is asked for is not acceptable"},
		Meaning: Name{"`authorization_details` 里有成员缺失、不认识，或者超出了用途的上限（RFC 9396）。", "A member of `authorization_details` is missing, unknown, or beyond the purpose's ceiling (RFC 9396)."},
		Remedy:  Name{"`error_description` 指出是哪一个成员；各用途的上限见 `/oauth/par` 的说明。", "`error_description` names the member; the ceilings stand at `/oauth/par`."},
	},
	{
		Code: "invalid_scope", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"没有这个 scope", "There is no such scope"},
		Meaning: Name{"只有 `grant_management_query` 和 `grant_management_revoke` 两个；数据用 `authorization_details` 来要。", "There are `grant_management_query` and `grant_management_revoke`; data is asked for by `authorization_details`."},
		Remedy:  Name{"去掉其他的，也去掉超出当初推送的。", "Leave out any other, and any beyond those that were pushed."},
	},
	{
		Code: "invalid_client_metadata", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"注册信息不能用", "The registration is not acceptable"},
		Meaning: Name{"某个成员的值在这里不能用，或者和另一个矛盾（RFC 7591）。", "A member says what is not done here, or contradicts another (RFC 7591)."},
		Remedy:  Name{"`error_description` 指出是哪一个，以及要什么。", "`error_description` names it and says what is wanted."},
	},
	{
		Code: "invalid_redirect_uri", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"返回地址不能用", "A redirect URI is not acceptable"},
		Meaning: Name{"返回地址不是 https 的完整地址，或者带了片段或用户名（RFC 7591）。", "A redirect URI is not an absolute https one, or has a fragment or a user (RFC 7591)."},
		Remedy:  Name{"用 https 的完整地址；本机调试可以用 http 加回环地址。", "Register absolute https URIs; http goes only with this machine's own address."},
	},
	{
		Code: "unapproved_software_statement", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"不收软件声明", "No software statement is taken"},
		Meaning: Name{"这里不看 `software_statement`（RFC 7591）。", "`software_statement` is not read here (RFC 7591)."},
		Remedy:  Name{"去掉它。", "Leave it out."},
	},
	{
		Code: "invalid_software_statement", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"软件声明不是文本", "The software statement is no text"},
		Meaning: Name{"`software_statement` 不是字符串（RFC 7591）；这里也不看它。", "`software_statement` is not a string (RFC 7591); nor is one read here."},
		Remedy:  Name{"去掉它。", "Leave it out."},
	},
	{
		Code: "invalid_grant_id", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"没有这项授权", "There is no such grant"},
		Meaning: Name{"`grant_id` 不存在、是别人的，或者已经结束。", "The `grant_id` is unknown, another's, or of a grant that has ended."},
		Remedy:  Name{"请本人重新授权（`create`）。", "Ask the person for a new grant (`create`)."},
	},
	{
		Code: "insufficient_scope", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"令牌没有这个 scope", "The token is not for this"},
		Meaning: Name{"令牌没有 `WWW-Authenticate` 里所说的 scope（RFC 6750）。", "The token lacks the scope that `WWW-Authenticate` names (RFC 6750)."},
		Remedy:  Name{"推送请求时带上这个 scope，或者用 `client_credentials` 取一个应用自己的令牌。", "Push the request with that scope, or get a token of the client's own by `client_credentials`."},
	},
	{
		Code: "invalid_request_object", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"签名请求不能用", "The signed request is not acceptable"},
		Meaning: Name{"请求对象读不懂、过时、是给别的服务器的，或者不是应用的密钥签的（RFC 9101）。", "The request object is malformed, old, for another server, or not signed with the client's key (RFC 9101)."},
		Remedy:  Name{"`typ` 用 `oauth-authz-req+jwt`，写上 `iss`、`aud`（issuer）、`nbf` 和一小时内的 `exp`，用注册过的密钥签名。", "Set `typ` to `oauth-authz-req+jwt`, say `iss`, `aud` (the issuer), `nbf` and an `exp` within an hour, and sign with a registered key."},
	},
	{
		Code: "authorization_pending", Owner: fault.Person, Met: []Place{OAuth},
		Title:   Name{"本人还没有答复", "The person has not answered yet"},
		Meaning: Name{"请求还在等本人（CIBA）。", "The request still waits for the person (CIBA)."},
		Remedy:  Name{"过了 `interval` 再问。", "Ask again after the `interval`."},
	},
	{
		Code: "slow_down", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"问得太快", "Asked too soon"},
		Meaning: Name{"本人还没有答复，而且这次问早了；间隔从现在起长五秒（CIBA）。", "The person has not answered, and this was too soon: from now on the interval is five seconds longer (CIBA)."},
		Remedy:  Name{"把间隔加五秒，再问。", "Add five seconds to your interval, and ask again then."},
	},
	{
		Code: "expired_token", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"请求已过期", "The request has expired"},
		Meaning: Name{"`auth_req_id` 过期了，本人没有在时限内答复，或者你没有来取（CIBA）。", "The `auth_req_id` has expired: the person did not answer in time, or you did not come (CIBA)."},
		Remedy:  Name{"重新请求。", "Make a new request."},
	},
	{
		Code: "access_denied", Owner: fault.Person, Met: []Place{OAuth},
		Title:   Name{"本人拒绝了", "The person said no"},
		Meaning: Name{"本人拒绝了请求，什么也没有给出。", "The person refused the request, and nothing was given."},
		Remedy:  Name{"尊重这个决定，不要马上再问。", "Respect it, and do not ask again at once."},
	},
	{
		Code: "unknown_user_id", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"`login_hint` 找不到人", "The login_hint names nobody"},
		Meaning: Name{"它不是这个应用得到过的 `sub`，也不是还有效的八位授权码（CIBA）。", "It is no `sub` that this client was told, and no eight digits of a code that still lives (CIBA)."},
		Remedy:  Name{"请本人在花窗的页面上生成一个新的授权码，五分钟内念给你。", "Ask the person for a new code from their Jali page; it lives five minutes."},
	},
	{
		Code: "invalid_binding_message", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"核对短语不能显示", "The binding message cannot be shown"},
		Meaning: Name{"`binding_message` 超过 60 个字，含控制字符，或者前后有空格（CIBA）。", "`binding_message` has more than 60 characters, control characters, or spaces around it (CIBA)."},
		Remedy:  Name{"换一个短而清楚的，比如 `W4SCT`。", "Send a short plain one, such as `W4SCT`."},
	},
	{
		Code: "unmet_authentication_requirements", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"做不到这种验证", "The asked check cannot be met"},
		Meaning: Name{"`acr_values` 要的不是通行密钥的验证，而这里只有它。", "`acr_values` asks for another check than a passkey's, and there is no other here."},
		Remedy:  Name{"写 `phr`，或者不写。", "Send `phr`, or leave it out."},
	},
	{
		Code: "invalid_target", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"没有这个资源", "There is no such resource"},
		Meaning: Name{"`resource` 不是数据接口（RFC 8707）。", "`resource` is another than the data API (RFC 8707)."},
		Remedy:  Name{"写 issuer 加 `/v1`，或者不写。", "Send the issuer with `/v1`, or leave it out."},
	},
	{
		Code: "unsupported_response_type", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"只有 code 一种", "Only code is offered"},
		Meaning: Name{"`response_type` 不是 `code`（RFC 6749）。", "`response_type` is not `code` (RFC 6749)."},
		Remedy:  Name{"用 `code`。", "Send `code`."},
	},
	{
		Code: "unsupported_grant_type", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"没有这种 grant_type", "There is no such grant_type"},
		Meaning: Name{"`grant_type` 不在元数据的 `grant_types_supported` 里（RFC 6749）。", "`grant_type` is not in `grant_types_supported` of the metadata (RFC 6749)."},
		Remedy:  Name{"从那里取一个。", "Take one from there."},
	},
	{
		Code: "unauthorized_client", Owner: fault.Client, Met: []Place{OAuth},
		Title:   Name{"这个应用不能这样做", "Not offered to this client"},
		Meaning: Name{"应用没有为此注册，或者已被停用（RFC 6749）。", "The client is not registered for this, or is suspended (RFC 6749)."},
		Remedy:  Name{"要用 CIBA，请运营方给应用登记 `poll` 或 `ping`。", "For decoupled requests have the operator register a delivery mode, `poll` or `ping`."},
	},
	{
		Code: "temporarily_unavailable", Owner: fault.Us, Met: []Place{OAuth},
		Title:   Name{"暂时不行", "Not possible at this moment"},
		Meaning: Name{"429：这个应用或地址请求太频繁，或者这个人还有几个没答复的请求。503：我们需要的某样东西暂时用不了。", "429: this client or address has asked too often, or this person has requests waiting. 503: something that we need is out of reach for now."},
		Remedy:  Name{"等 `Retry-After` 所说的秒数；没有它就稍后再试。", "Wait as many seconds as `Retry-After` says; without it try a little later."},
	},
	{
		Code: "server_error", Owner: fault.Us, Met: []Place{OAuth},
		Title:   Name{"我们这边出错了", "Something went wrong on our side"},
		Meaning: Name{"出了我们没有料到的错，已经记录下来。", "Something happened that we did not foresee. It has been logged."},
		Remedy:  Name{"再试一次。还不行，请带上答复里的 `X-Request-Id` 联系我们。", "Try again. If it stays, write to us and quote `X-Request-Id` of the answer."},
	},
}

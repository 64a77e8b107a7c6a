package problems

import "jali/internal/fault"

var sandbox = []Entry{
	{
		Code: "choice_wider", Owner: fault.Person, Met: []Place{Sandbox},
		Title:   Name{"选择超出了请求", "The choice goes beyond what was asked"},
		Meaning: Name{"本人的选择比应用请求的更宽，或者选了请求里没有的东西。", "The choice is wider than the request, or sets what the request does not have."},
		Remedy:  Name{"只能收窄：更少的数据、更短、更少次。", "Only narrow it: less data, a shorter time, fewer uses."},
	},
	{
		Code: "client_invalid", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"登记不成立", "The registration is not acceptable"},
		Meaning: Name{"应用的登记里有一处不成立，`detail` 说是哪一处。", "Something about the registration is not acceptable; `detail` says what."},
		Remedy:  Name{"按 `detail` 修改后再登记。", "Change what `detail` names, and register again."},
	},
	{
		Code: "client_not_found", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有这个应用", "There is no such client"},
		Meaning: Name{"没有这个编号的应用。", "There is no client with this id."},
		Remedy:  Name{"编号见 `GET /sandbox/clients`。", "Take an id from `GET /sandbox/clients`."},
	},
	{
		Code: "client_redirect_invalid", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"回调地址不成立", "The redirect URIs are not acceptable"},
		Meaning: Name{"回调地址不是 https，也不是本机的 http，或者带有片段、用户名。", "A redirect URI is neither https nor http on this machine, or has a fragment or a user."},
		Remedy:  Name{"登记 1 到 16 个可用的地址。", "Register 1 to 16 that are."},
	},
	{
		Code: "connection_not_found", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有这个连接", "There is no such connection"},
		Meaning: Name{"这个人没有这个连接。", "The person has no such connection."},
		Remedy:  Name{"连接见 `GET /sandbox/people/{id}`。", "Take one from `GET /sandbox/people/{id}`."},
	},
	{
		Code: "cross_site", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"来自别的网站", "Sent by another site"},
		Meaning: Name{"请求来自别的网站的页面，或者用了别的主机名。", "A page of another site sent this, or it was sent under another host's name."},
		Remedy:  Name{"用沙盒自己的地址，从程序里或它自己的页面上调用。", "Call the sandbox under its own address, from a program or from its own pages."},
	},
	{
		Code: "event_impossible", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"现在不会发生", "As things are, this cannot happen"},
		Meaning: Name{"照现在的情形，这件事不会发生；`detail` 说为什么。", "As things are, this cannot happen; `detail` says why."},
		Remedy:  Name{"先让它成为可能，再来触发。", "Make it possible first, and fire it then."},
	},
	{
		Code: "file_unreadable", Owner: fault.Person, Met: []Place{Sandbox},
		Title:   Name{"文件读不进来", "The file cannot come in"},
		Meaning: Name{"这不是能读懂的账单文件，或者和所说的不符。", "This is no bill file that can be read, or it is at odds with what was said of it."},
		Remedy:  Name{"换一个文件，或者改正所说的。", "Bring another file, or say it right."},
	},
	{
		Code: "grant_changed", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"授权已经变了", "The grant has changed since"},
		Meaning: Name{"请求要改的授权，在请求之后又变了。", "The grant that the request would change has changed since it was pushed."},
		Remedy:  Name{"重新推送一个请求。", "Push a new request."},
	},
	{
		Code: "inbox_told", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"收件箱照吩咐失败", "The inbox fails as it was told"},
		Meaning: Name{"`PUT /sandbox/inbox/{client}` 吩咐收件箱这样答复。", "`PUT /sandbox/inbox/{client}` has told the inbox to answer so."},
		Remedy:  Name{"不想再失败，就吩咐它答复 204，或者清空它。", "Have it answer 204 again, or empty it."},
	},
	{
		Code: "institution_unknown", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有这家机构", "There is no such institution"},
		Meaning: Name{"小镇里没有这个编号的机构。", "The town has no institution with this id."},
		Remedy:  Name{"编号见 `GET /v1/sources`。", "Take an id from `GET /v1/sources`."},
	},
	{
		Code: "login_failed", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"机构没有放行", "The institution let nobody through"},
		Meaning: Name{"登录机构时没有成功。", "Logging in at the institution did not work."},
		Remedy:  Name{"看看 `GET /sandbox/troubles`，先让它恢复。", "See `GET /sandbox/troubles`, and make it well first."},
	},
	{
		Code: "not_a_customer", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"这个人不是那里的客户", "This person is no customer there"},
		Meaning: Name{"这个人在那家机构什么也没有。", "The person has nothing at that institution."},
		Remedy:  Name{"换一家机构，或者让另一种人物搬进来。", "Choose another institution, or have another persona move in."},
	},
	{
		Code: "nothing_chosen", Owner: fault.Person, Met: []Place{Sandbox},
		Title:   Name{"什么也没有选", "Nothing was chosen"},
		Meaning: Name{"没有留下任何账户，或任何一种数据。", "No account, or no sort of data, is left."},
		Remedy:  Name{"至少勾选一个。", "Tick at least one."},
	},
	{
		Code: "passkey_excluded", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"已经有这个人的通行密钥", "This person's passkey is there already"},
		Meaning: Name{"软件通行密钥里已经有这个人的一把。", "The software passkey holds one of this person's passkeys already."},
		Remedy:  Name{"直接用它登录。", "Sign in with that one."},
	},
	{
		Code: "passkey_unknown", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有合适的通行密钥", "No passkey fits"},
		Meaning: Name{"软件通行密钥里没有合适的，或者有好几把合适的。", "The software passkey has none that fits, or several."},
		Remedy:  Name{"用 `id` 指定一把。", "Name one by `id`."},
	},
	{
		Code: "person_unknown", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有这个人", "There is no such person"},
		Meaning: Name{"沙盒里没有这个编号的人。", "The sandbox has nobody with this id."},
		Remedy:  Name{"编号见 `GET /sandbox/people`。", "Take an id from `GET /sandbox/people`."},
	},
	{
		Code: "persona_unknown", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有这种人物", "There is no such persona"},
		Meaning: Name{"没有这个编号的人物。", "There is no persona with this id."},
		Remedy:  Name{"编号见 `GET /sandbox/personas`。", "Take an id from `GET /sandbox/personas`."},
	},
	{
		Code: "request_decided", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"请求已经答复", "The request has its answer"},
		Meaning: Name{"这个请求已经答复过了。", "This request has been answered."},
		Remedy:  Name{"要再来一次，就推送新的请求。", "Push a new request to ask again."},
	},
	{
		Code: "request_expired", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"请求已经过期", "The request has expired"},
		Meaning: Name{"没有人及时答复这个请求。", "Nobody decided this request in time."},
		Remedy:  Name{"重新推送一个请求。", "Push a new request."},
	},
	{
		Code: "request_not_found", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有等待中的请求", "No such request is waiting"},
		Meaning: Name{"没有这个请求在等这个人：它不存在、是别人的、已经答复或者过期了，或者应用被暂停。", "No such request waits for this person: it is unknown, somebody else's, decided or expired, or its client is paused."},
		Remedy:  Name{"重新推送一个请求，再来决定。", "Push a new request, and decide that one."},
	},
	{
		Code: "signature_invalid", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"消息的签名不对", "The message is not signed as it has to be"},
		Meaning: Name{"收件箱像应用必须做的那样验签：没有签名、签名不符、签得太久，或者写的是别的应用，就不收。", "The inbox checks signatures as a client has to: this one is missing, wrong, too old, or of another client's message."},
		Remedy:  Name{"为什么不对，见 `GET /sandbox/inbox/{client}` 里的 `signature`。", "What is wrong stands as `signature` in `GET /sandbox/inbox/{client}`."},
	},
	{
		Code: "too_few_uses", Owner: fault.Person, Met: []Place{Sandbox},
		Title:   Name{"次数选得太少", "Too few uses were chosen"},
		Meaning: Name{"这项授权已经用过那么多次了。", "The grant has been used as often as that already."},
		Remedy:  Name{"选更多的次数。", "Choose more uses."},
	},
	{
		Code: "town_full", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"小镇住满了", "The town is full"},
		Meaning: Name{"小镇里住不下更多的人了。", "Nobody else fits into the town."},
		Remedy:  Name{"先删除一些人。", "Remove somebody first."},
	},
	{
		Code: "upload_not_found", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有等待中的文件", "No such file is waiting"},
		Meaning: Name{"没有这个文件在等：它已经读进来了，或者一小时过去了。", "No such file waits: it came in, or its hour is over."},
		Remedy:  Name{"重新带一个文件来。", "Bring the file again."},
	},
	{
		Code: "webhook_event_not_found", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有这个事件", "There is no such event"},
		Meaning: Name{"没有这个编号的事件；事件保留 30 天。", "There is no event with this id; events are kept for 30 days."},
		Remedy:  Name{"编号见 `GET /sandbox/webhooks`。", "Take an id from `GET /sandbox/webhooks`."},
	},
	{
		Code: "webhook_nowhere", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有地址可以通知", "There is nowhere to tell it"},
		Meaning: Name{"这个应用没有登记 webhook 地址。", "The client has no webhook address."},
		Remedy:  Name{"登记一个 `webhook_uri`，或者用 `inbox`。", "Register a `webhook_uri`, or use its inbox."},
	},
	{
		Code: "webhook_suspended", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"应用已被停用", "The client is suspended"},
		Meaning: Name{"被停用的应用不会收到通知。", "A suspended client is told nothing."},
		Remedy:  Name{"先恢复它：`POST /sandbox/clients/{id}/resume`。", "Readmit it first: `POST /sandbox/clients/{id}/resume`."},
	},
}

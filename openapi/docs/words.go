package docs

import "jali/internal/language"

// name is a text of the pages in both languages.
type name struct{ zh, en string }

func (n name) in(lang string) string {
	if lang == language.English {
		return n.en
	}
	return n.zh
}

func both(s string) name { return name{s, s} }

var words = map[string]name{
	"brand":      {"花窗 Jali", "Jali 花窗"},
	"brand.docs": {"开发文档", "Docs"},
	"skip":       {"跳到正文", "Skip to the content"},
	"nav":        {"文档", "Docs"},
	"foot":       {"花窗 · 可用不可见", "Jali · usable, but not visible"},
	"other":      {"English", "中文"},
	"other.lang": {"en", "zh-CN"},
	"copy":       {"复制", "Copy"},
	"copied":     {"已复制", "Copied"},

	"tab.guides":     {"指南", "Guides"},
	"tab.reference":  {"接口", "Reference"},
	"tab.problems":   {"错误码", "Problems"},
	"tab.sandbox":    {"沙盒", "Sandbox"},
	"guides.nav":     {"全部指南", "All guides"},
	"guide.contents": {"本页内容", "On this page"},
	"guide.anchor":   {"到这一节的链接", "Link to this section"},
	"guide.table":    {"表格", "Table"},
	"guide.before":   {"上一篇", "Before"},
	"guide.after":    {"下一篇", "Next"},
	"guide.around":   {"上一篇与下一篇", "Guides before and after"},
	"code.sh":        {"命令", "Run"},
	"code.text":      {"输出", "Prints"},
	"code.json":      both("JSON"),
	"code.http":      both("HTTP"),
	"code.js":        both("JavaScript"),
	"code.ts":        both("TypeScript"),
	"code.go":        both("Go"),

	"start.title": {"接入花窗", "Build with Jali"},
	"start.what": {"花窗让你的应用看到一个人所有钱包和银行的余额与账单，每一次都经过本人同意。你拿到一枚与自己的密钥绑定的令牌，用它打开一个视图，读到总额、账单和对账单；账户以虚拟账号出现，别的应用拿去也对不上。真实账号你从不会看到；本人收回之后，下一个请求就读不到了。",
		"Jali shows your app the balances and bills of all of a person’s wallets and banks, each time with that person’s yes. You get a token that is bound to your own key, open a view with it, and read totals, bills and statements; accounts appear under aliases that no other client can match. You never see a real account number, and what the person takes back is gone with your next request."},
	"start.way":  {"一步一步来", "The way through"},
	"start.look": {"查阅", "Look things up"},
	"start.reference": {"每个接口、每个字段、每种答复；以及你会收到的通知。",
		"Every operation, field and answer, and the webhooks that you will get."},
	"start.problems":      {"每个错误码：发生了什么，该做什么，哪些接口会答复它。", "What each code means, what to do, and which operations answer it."},
	"start.document":      {"OpenAPI 3.1 文档", "The OpenAPI 3.1 document"},
	"start.document.what": {"拿去生成客户端；本服务的每个答复都与它一致。", "Generate a client from it; every answer of this server is as it says."},
	"start.sandbox":       {"沙盒", "The sandbox"},
	"start.sandbox.what": {"在你自己的机器上：花窗、一座虚拟小镇的钱包和银行、一个演示银行应用和一些样例居民。只需要 Go。在源码目录里运行：",
		"On your own machine: Jali, an imagined town with its wallets and banks, a demo bank app and sample people. It needs nothing but Go. In the source folder, run:"},
	"start.sandbox.here": {"这里就是一个沙盒。它自己的接口可以造人、授权、拨时钟、让机构出错：", "This is a sandbox. By an API of its own you make people, decide for them, move the clock and have sources fail:"},
	"start.sandbox.docs": {"沙盒接口", "Sandbox API"},

	"reference.title":    {"接口参考", "API reference"},
	"reference.sandbox":  {"沙盒接口参考", "Sandbox API reference"},
	"reference.what":     {"与本服务所用的是同一份文档，正文是英文。数据接口的每次调用都要带只有客户端能做的证明，所以这里不能直接试；请按", "This is the document that the server itself goes by. Each call of the data API needs a proof that only a client can make, so none can be tried here: use the sandbox, as"},
	"reference.guide":    {"十分钟指南", "the ten-minute guide"},
	"reference.guide2":   {"在沙盒里试。", "shows."},
	"reference.try":      {"打开一个接口，按 Try it out 就会真的调用这个沙盒。", "Open an operation and press “Try it out”: it really calls this sandbox."},
	"reference.document": {"下载文档", "The document"},
	"reference.wait":     {"正在读取文档…", "Reading the document…"},
	"reference.noscript": {"这一页需要脚本。不用脚本也可以直接读文档：", "This page needs scripts. Without, read the document itself:"},
	"reference.failed":   {"文档没有读到，请重新加载这一页。", "The document could not be read. Load this page again."},

	"problems.title": {"错误码", "Problems"},
	"problems.what": {"每个错误都带一个给程序看的 code。这里说明它是什么意思、该由谁来做什么。",
		"Every error has a code for programs. Here is what each means, and who can do what about it."},
	"problems.search":  {"查找错误码或文字", "Find a code or a word"},
	"problems.find":    {"查找", "Find"},
	"problems.none":    {"没有找到。换一个词，或者看看全部。", "Nothing found. Try another word, or see all."},
	"problems.all":     {"全部错误码", "All problems"},
	"place.data":       {"数据接口", "Data API"},
	"place.data.at":    {"/v1 的答复里的 code", "code of answers under /v1"},
	"place.oauth":      {"OAuth 接口", "OAuth endpoints"},
	"place.oauth.at":   {"/oauth 的答复里的 error", "error of answers under /oauth"},
	"place.report":     {"机构的情况", "Reports of sources"},
	"place.report.at":  {"视图的 sources 里的 code", "code in a view’s sources"},
	"place.sandbox":    {"沙盒", "Sandbox"},
	"place.sandbox.at": {"/sandbox 的答复里的 code", "code of answers under /sandbox"},

	"problem.means":   {"发生了什么", "What has happened"},
	"problem.remedy":  {"该做什么", "What to do"},
	"problem.owner":   {"谁能解决", "Who can mend it"},
	"problem.action":  {"用户可以做什么", "What the person can do"},
	"problem.met":     {"在哪里遇到", "Where it is met"},
	"problem.answers": {"哪些接口会答复它", "Operations that answer it"},
	"problem.status":  {"状态", "Status"},
	"problem.example": {"它的样子", "How it looks"},
	"problem.guide":   {"怎样处理错误", "How to handle errors"},
	"owner.person":    {"本人", "the person"},
	"owner.client":    {"你的应用", "your app"},
	"owner.source":    {"机构", "the source"},
	"owner.us":        {"运行花窗的一方", "whoever runs this Jali"},

	"action.ask_again": {"等你的应用再次请求时，重新决定", "decide anew, once your app asks again"},
	"action.choose":    {"换一种选择", "choose otherwise"},
	"action.reconnect": {"在花窗的页面上重新连接这家机构", "connect the source again on their Jali page"},
	"action.resume":    {"在花窗的页面上恢复你的应用", "resume your app on their Jali page"},
	"action.upload":    {"再上传一次文件", "upload the file again"},

	"problem.unknown":      {"没有这个错误码", "There is no such problem"},
	"problem.unknown.what": {"花窗不答复这个 code。也许拼写不对，或者它来自别的服务，或者你的花窗是另一个版本。", "Jali answers no such code. It may be misspelled, come from another service, or from another version of Jali."},
	"problem.alike":        {"你要找的也许是", "Perhaps you look for"},

	"missing.title": {"没有这一页", "There is no such page"},
	"missing.what":  {"也许它换了地方。文档都从这里开始：", "It may have moved. All docs begin here:"},
}

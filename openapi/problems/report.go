package problems

import "jali/internal/fault"

var report = []Entry{
	{
		Code: "source_unauthorized", Owner: fault.Person, Action: "reconnect", Met: []Place{Report},
		Title:   Name{"机构不再接受这个连接", "The source no longer takes this connection"},
		Meaning: Name{"本人给机构的许可已到期或被收回。连接在重新建立之前不会再被读取。", "What the person gave to the source has run out or was taken back. The connection is not read until it is made anew."},
		Remedy:  Name{"请本人在花窗的页面上重新连接（`reconnect`）；其余机构的数据不受影响。", "Ask the person to connect it again on their Jali page (`reconnect`). What other sources told is not affected."},
	},
	{
		Code: "source_signature", Owner: fault.Source, Met: []Place{Report},
		Title:   Name{"机构的答复签名不对", "The source's answer was not signed as it must be"},
		Meaning: Name{"答复的签名缺失或对不上，整个答复都没有采用。", "The signature is missing or wrong, so nothing of the answer was believed."},
		Remedy:  Name{"稍后再用一次。总是这样，请告诉我们是哪家机构。", "Try a later use. If it stays, tell us which source it is."},
	},
	{
		Code: "source_malformed", Owner: fault.Source, Met: []Place{Report},
		Title:   Name{"机构的答复读不懂", "The source's answer could not be read"},
		Meaning: Name{"答复不是机构自己文档所说的样子，没有采用。", "The answer is not what the source's own description says, and was thrown away."},
		Remedy:  Name{"稍后再用一次。总是这样，请告诉我们是哪家机构。", "Try a later use. If it stays, tell us which source it is."},
	},
	{
		Code: "source_refused", Owner: fault.Source, Met: []Place{Report},
		Title:   Name{"机构拒绝答复", "The source refused to answer"},
		Meaning: Name{"机构看懂了请求，但说不行。", "The source understood what it was asked and said no."},
		Remedy:  Name{"`covers` 说明还有哪些天的数据。本人可以到机构那里看看账户的状态。", "`covers` says of which days there is data all the same. The person may look at the source what state the account is in."},
	},
	{
		Code: "source_down", Owner: fault.Source, Met: []Place{Report},
		Title:   Name{"机构没有答复", "The source did not answer"},
		Meaning: Name{"机构连不上、出错或太慢。视图的其余部分不受影响。", "The source could not be reached, failed, or was too slow. The rest of the view is not affected."},
		Remedy:  Name{"显示已有的部分，并说明缺了哪家。有 `retry_after` 就等过了再试。", "Show what there is, and say which source is missing. Where there is `retry_after`, wait for it before another try."},
	},
	{
		Code: "source_busy", Owner: fault.Source, Met: []Place{Report},
		Title:   Name{"机构要求慢一点", "The source asks to be called less often"},
		Meaning: Name{"机构现在不想被问这么多次。", "The source wants fewer calls at this moment."},
		Remedy:  Name{"等过 `retry_after` 再用一次。", "Wait for `retry_after` before another use."},
	},
	{
		Code: "source_budget", Owner: fault.Source, Met: []Place{Report},
		Title:   Name{"本人不在场的读取次数已用完", "Its readings without the person are spent"},
		Meaning: Name{"本人不在场时，这家机构一天只让读几次，今天的已经用完，所以没有去问。", "While the person is not there this source may be read only so often a day. Those of today are spent, so it was not asked."},
		Remedy:  Name{"等本人来看的时候再读，并发送 `x-fapi-customer-ip-address`；或者等到 `unattended.resets_at`。", "Read it while the person is looking and send `x-fapi-customer-ip-address`; or wait until `unattended.resets_at`."},
	},
}

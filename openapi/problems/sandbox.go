package problems

import "jali/internal/fault"

var sandbox = []Entry{
	{
		Code: "institution_unknown", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有这家机构", "There is no such institution"},
		Meaning: Name{"小镇里没有这个编号的机构。", "The town has no institution with this id."},
		Remedy:  Name{"编号见 `GET /v1/sources`。", "Take an id from `GET /v1/sources`."},
	},
	{
		Code: "passkey_excluded", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"已经有这个人的通行密钥", "This person's passkey is there already"},
		Meaning: Name{"软件通行密钥里已经有这个人的一把。", "The software passkey holds one of this person's passkeys already."},
		Remedy:  Name{"直接用它登录。", "Sign in with that one."},
	},
	{
		Code: "person_unknown", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有这个人", "There is no such person"},
		Meaning: Name{"沙箱里没有这个编号的人。", "The sandbox has nobody with this id."},
		Remedy:  Name{"编号见 `GET /sandbox/people`。", "Take an id from `GET /sandbox/people`."},
	},
	{
		Code: "request_not_found", Owner: fault.Client, Met: []Place{Sandbox},
		Title:   Name{"没有等待中的请求", "No such request is waiting"},
		Meaning: Name{"没有这个请求在等这个人：它不存在、是别人的、已经答复或者过期了。", "No such request waits for this person: it is unknown, somebody else's, decided, or has expired."},
		Remedy:  Name{"重新推送一个请求，再来决定。", "Push a new request, and decide that one."},
	},
}

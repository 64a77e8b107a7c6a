// Package unionpay is the dialect of UnionPay's merchant interface (全渠道平台,
// ACP 5.1.0), spoken as an acquirer (收单机构) whose merchants people are, and of
// 云闪付's open platform for their login.
//
// It follows what open.unionpay.com publishes: signMethod 01 of version 5.1.0
// (RSA with SHA-256 over the hex of the SHA-256 of the sorted members; certId
// in requests, signPubKeyCert in answers, whose chain ends in the roots that
// the operator gives and whose CN names UnionPay, as UnionPay's own SDKs check
// it); 文件传输类交易 (txnType 76, 对账文件下载) at filedownload.95516.com, whose
// fileContent is a ZIP in zlib in base64; and "全渠道平台接入接口规范 第3部分 文件接口"
// for the fixed widths of the ZM (6.1, payments and refunds) and ZME (6.2,
// disputes) records in it. For linking it follows 云闪付开放平台 ("OAUTH2用户联登",
// "获取应用访问令牌backendToken", "获取授权访问令牌accessToken"): oauth.html,
// /open/access/1.0/backendToken and /open/access/1.0/token, scope upapi_base.
//
// UnionPay publishes no bills of a person. A person is therefore a merchant
// under the acquirer, and what is seen is what that merchant took in: payments
// and refunds, the fees on them, and disputes. Which merchant a person is comes
// in the member merId of the token answer. The mock town adds it there; live
// 云闪付 does not, so a deployment against it needs a login of the acquirer's own
// that answers the same.
//
// What it cannot do. UnionPay tells no balance, neither of a merchant nor of a
// card, so Source.NoBalances is set: what was taken in is paid out by the
// acquirer and stands in the bank's own bills. It tells no payments that a
// person makes by card or 云闪付. 云闪付's list of bound cards: not done, no
// description. That there is one (oauth.getCardList, scope.bank, for a bank's
// own mini program and that bank's cards alone) and what it is asked with can
// be read; which members its rows have cannot. Searched for: oauth.getCardList,
// 获取用户绑定的银行卡列表, scope.bank, and the pages of opentools.95516.com and
// open.unionpay.com.
//
// Limits. A file is of a settlement date (清算日期), which begins and ends at
// 23:00, Beijing's time; it is asked for from ten in the morning of the next day
// on, since nothing is said of when it is ready and a file that is not there
// (respCode 98) is taken for a day without trade. Nothing is said of how long
// files are kept, either: thirty days are asked for unless the operator has
// agreed more; a settlement date has no year, so it is never more than 360. A
// record's time has no year: it is the one that puts it closest before its
// settlement date. Certificate chains that are signed with SHA-1 are refused. What
// UnionPay bears of calls is not said, so nothing is sent twice (Hedge).
package unionpay

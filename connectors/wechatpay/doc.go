// Package wechatpay is the dialect of WeChat Pay's API v3, spoken as a service
// provider (服务商, 平台收付通).
//
// It follows what pay.weixin.qq.com publishes: WECHATPAY2-SHA256-RSA2048
// request signatures ("签名生成"); answers verified ("签名验证") before they are
// read, with a WeChat Pay public key (PUB_KEY_ID_…) or with a platform
// certificate out of /v3/certificates ("获取平台证书列表"), which the APIv3 key
// opens; /v3/ecommerce/fund/balance/{sub_mchid} and enddaybalance;
// /v3/bill/tradebill, /v3/bill/sub-merchant-fundflowbill and their downloads
// ("下载单个子商户/二级商户资金账单"); and, for linking, the web login of
// developers.weixin.qq.com (connect/oauth2/authorize, sns/oauth2/access_token
// and refresh_token, scope snsapi_base).
//
// WeChat publishes no bills of a person. A person is therefore a merchant
// (特约商户, 二级商户) under the service provider, and what is seen is what that
// merchant took in: one settlement account, payments in, refunds, fees and
// withdrawals out. Which merchant a person is comes in the member sub_mchid of
// the access_token answer. The mock town adds it there; live WeChat does not, so
// a deployment against it needs a login of the service provider's own that
// answers the same.
//
// A day has two bills, and both make its listing. The fund-flow bill (资金账单)
// is the book of the account: which movements there were, their sums, fees and
// withdrawals are its to say. The trade bill (交易账单) says what each was for,
// and adds what did not move: revoked payments, refunds under way. A bill's id
// is the number that both have of the order, the refund or the withdrawal, with
// "/fee" for a fee. A fund-flow bill does not say whose it is; it is believed
// when an order in it stands in the merchant's own trade bill, or when it ends
// with what the merchant held at the end of that day. It wants the product
// 下载二级商户资金账单, without which TradeBillOnly is set and withdrawals are
// not seen.
//
// Limits, as published: bills are whole days, ready at ten in the morning of
// the next, kept for three months, so today is never covered; three
// applications a second for all of a service provider's merchants, so that one
// call reads one day unless MaxWindow says that more is agreed; files live for
// five minutes and come unsigned, their SHA1 is signed. Nothing is sent twice to
// be faster (Hedge): it would count. Clocks that are 300 s
// apart are refused. A day's file is read a row at a time.
//
// What it cannot do: 零钱, red packets, transfers and the payments that a
// person makes appear nowhere here (the exported bill files of package
// billfile have them). A 小微商户 has no day of its own on the live platform,
// only the service provider's. SM4 and SM2 (国密商户) are not spoken.
package wechatpay

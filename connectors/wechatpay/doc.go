// Package wechatpay is the dialect of WeChat Pay's API v3, spoken as a service
// provider (服务商, 平台收付通).
//
// It follows what pay.weixin.qq.com publishes: WECHATPAY2-SHA256-RSA2048
// request signatures, answers verified with a WeChat Pay public key
// (PUB_KEY_ID_…) before they are read, /v3/ecommerce/fund/balance/{sub_mchid},
// /v3/bill/tradebill and its download; and, for linking, the web login of
// developers.weixin.qq.com (connect/oauth2/authorize, sns/oauth2/access_token
// and refresh_token, scope snsapi_base).
//
// WeChat publishes no bills of a person. A person is therefore a merchant
// (特约商户, 二级商户) under the service provider, and what is seen is what that
// merchant took in: one settlement account, payments in, refunds and fees out.
// Which merchant a person is comes in the member sub_mchid of the access_token
// answer. The mock town adds it there; live WeChat does not, so a deployment
// against it needs a login of the service provider's own that answers the same.
//
// What it cannot do: 零钱, red packets, transfers and the payments that a
// person makes appear nowhere here (the exported bill files of package
// billfile have them). Bills are whole days, ready at ten in the morning of
// the next, kept for three months; today is never covered. A
// 小微商户 has no day of its own on the live platform, only the service
// provider's. The file of a day is not signed; its hash is.
package wechatpay

// Package alipay is the dialect of Alipay's open platform, gateway v2.
//
// It follows what opendocs.alipay.com publishes: the signature rules of
// "自行实现签名" (RSA2 over sorted parameters, answers signed over the bytes of
// their response member), user authorization (publicAppAuthorize and
// alipay.system.oauth.token), alipay.data.bill.balance.query and
// alipay.data.bill.accountlog.query.
//
// A credential is one user's tokens and user id; it opens one account, the
// balance, in CNY. Bills are the account log: windows of at most 31 days, no
// further back than a year.
//
// The bill methods are published for a merchant, who authorizes an application
// by app_auth_token. They are called here with a user's auth_token, as the
// person is the one who agrees; the live platform has to admit the application
// to that, and answers 40006 or 20001 where it has not.
//
// What it cannot do: Alipay publishes no interface for 余额宝, 花呗 or 借呗
// holdings, so they appear only as the bills that move money to and from the
// balance; the log knows booked entries only, so there is never a pending
// bill; there is no call that ends an authorization, so a person who leaves
// does that in the Alipay app. Certificate mode and AES content are not spoken.
package alipay

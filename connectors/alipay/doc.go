// Package alipay is the dialect of Alipay's open platform, by either of its
// protocols: gateway v2 (opendocs.alipay.com/common/02kf5q, answers signed over
// the bytes of their response member) and REST v3 (opendocs.alipay.com/open-v3:
// 054kaq, signing 054q58, answers 054d0z, errors 054fcv, encryption 054l3e).
// [Config] chooses: with API set, v3 is spoken.
//
// Keys come in one of two modes. In key mode the operator holds Alipay's public
// key. In certificate mode (opendocs.alipay.com/common/02mse7) requests carry
// the serials of the application's certificate and of Alipay's roots; answers
// name the certificate that signed them. One that is not known is fetched with
// alipay.open.app.alipaycert.download, which Alipay does not sign: it is
// believed if it chains to the operator's roots and has the same subject as
// Alipay's certificate that the operator holds. v3 publishes no such method, so
// it is asked of the gateway there, too. With ContentKey, what is asked and
// answered is also encrypted with AES (opendocs.alipay.com/common/02mse3); the
// parameters of a v3 query stand in its URL and are not, as published.
//
// A credential is one user's tokens and user id; it opens one account, the
// balance, in CNY. Times are Beijing's, which the wire does not say.
//
// # Which method is for what
//
// Internal decision 0025 says why.
//
//   - alipay.system.oauth.token: a code, or a refresh token, for tokens.
//   - alipay.data.bill.balance.query: what the account holds now.
//   - alipay.data.bill.balancehis.query: yesterday's closing balance, as the
//     booked one, where the platform does not admit the application to the first.
//   - alipay.data.bill.accountlog.query: the bills. Windows of at most 31 days,
//     pages of at most 2,000, no further back than a year.
//   - alipay.data.bill.buy.query, sell.query and transfer.query: asked for a page
//     of the log that has payments, sales, or top-ups, withdrawals and transfers
//     of which the log does not tell what for, with whom, or by which card. What
//     the application is not admitted to is done without.
//   - alipay.data.dataservice.bill.downloadurl.query: the month's file of the log
//     (bill_type signcustomer) for what lies further back than the log, up to six
//     years. A ZIP of CSVs in GBK, summary and details in any order, behind an
//     address that dies after 30 s; it is read row by row, and refused if it is
//     another account's, another month's or not as long as it says itself.
//
// The bill methods are published for a merchant, who authorizes an application
// by app_auth_token. They are called here with a user's auth_token, as the
// person is the one who agrees; the live platform has to admit the application
// to that, and answers 40006 or 20001 where it has not.
//
// # What it cannot do
//
// Alipay publishes no interface for 余额宝, 花呗 or 借呗 holdings, so they appear
// only as the bills that move money to and from the balance, and 花呗 as the
// method of what was bought with it. The log knows booked entries only, so there
// is never a pending bill. No answer but the tokens' and the files' says whose
// account it is about: that the log is this person's rests on Alipay's word.
// There is no call that ends an authorization, so a person who leaves does that
// in the Alipay app. How many calls it bears is agreed with each application and
// published nowhere: the operator may say so in Source.
package alipay

// Package icbc is the dialect of the API platform of the Industrial and
// Commercial Bank of China (中国工商银行 API 开放平台, open.icbc.com.cn): a gateway
// that takes signed forms and answers signed JSON.
//
// It follows what the platform's documents and SDKs publish:
//
//   - the common parameters app_id, msg_id, format, charset, sign_type,
//     timestamp (UTC+8 without saying so) and biz_content; the text that is
//     signed is the path, "?", and the sorted name=value pairs of every
//     parameter that has a value (WebUtils.buildOrderedSignStr of the SDKs); RSA
//     is SHA1withRSA, RSA2 SHA256withRSA;
//   - answers of {"response_biz_content":…,"sign":…}, signed with SHA1withRSA over
//     the exact bytes of the first member whatever the request was signed with
//     (DefaultIcbcClient.execute), and the codes of return_code;
//   - the account detail service (账户明细服务): the page on which an agreement is
//     signed, /ui/mybank/account/accountdetailservice/adsagrsignui/V1; the
//     agreements that there are, adsagreementqry/V1; and the movements of an
//     account, adsaccountdtlqry/V1, sums in hundredths (分) of every currency.
//
// What a person is linked by is an agreement (协议) that they sign on the bank's
// page. Begin writes a secret of its own into the agreement's remark (备注), under
// our signature; Finish asks the bank for the agreement whose number came back
// through the browser, and believes it only if that remark stands in it.
//
// Where the description could not be read, this is assumed, and said here:
// the agreement's accountinfolist has the members of the accList it was signed
// with; agrlist is asked for by objects with agreeno, as seqlist is by
// objects with serialno; the page takes its parameters by GET as well as from
// the form that the SDK builds, leaves account and phone to be filled in there,
// and comes back to the extra parameter redirect_uri with agreeno and state.
//
// The bank's service is made for the books of companies; that it signs such
// agreements with persons is the imagined town's departure. Not done, no
// description: balance enquiries (their answers' members could not be read), so
// a balance is what the newest movement left behind; how far back movements
// go and how many a page holds; ending an agreement; pending movements; credit
// cards and their statements. Not done, not needed: sign_type CA, and AES for
// biz_content, which these interfaces do not use. A read is not sent a second time
// when the first is slow (Source.Hedge): a serial number of a request (fseqno)
// may not come twice, and what the platform counts is not published.
package icbc

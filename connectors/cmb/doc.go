// Package cmb is the dialect of China Merchants Bank's direct link for
// companies (招商银行 银企直联 免前置, clouddc; openbiz.cmbchina.com): requests and
// answers of JSON that are signed with SM2 and SM3 and sealed with SM4.
//
// It follows what the bank's documents and demo programs publish:
//
//   - the form of UID, FUNCODE, ALG=SM and DATA, which is base64 of SM4-CBC
//     (PKCS#7) over {"request":{"body","head"},"signature":{"sigdat","sigtim"}};
//     the initial vector, which is SM2's user id as well, is the UID filled up
//     with zeros to 16 characters;
//   - the text that is signed: the whole document, its members sorted and without
//     spaces, with sigdat "__signature_sigdat__"; the signature is r and s of 32
//     bytes each, in base64; answers are sealed and signed likewise, and what the
//     gateway itself refuses is plain text that begins "CDCServer:";
//   - TotalAccountDirect, the accounts of a customer number; NTQADINF, balances
//     of up to 30 accounts; and trsQryByBreakPoint, movements, with its way of
//     going on where it was left (断点续传), which is what [Connector.Changes] does.
//
// Linking: not done, no description. The bank opens accounts to a company's UID
// on paper. In its place stands OAuth 2.0 with a code and PKCE (RFC 6749, RFC
// 7636) at addresses of the configuration, whose token answer tells the customer
// number (client_nbr) as WeChat's login tells whose it is; that is the imagined
// town's departure. The token itself opens nothing and is not kept.
//
// Assumed, and said here: a list of an answer that has nothing is [], and of the
// movements may be missing when the bank counts none; the bank signs strings and
// numbers written as they are sent; where debits are written with a minus, a
// credit with one is a debit; the parts of a description that name a kind (工资,
// 转账, …). Of the bank's currencies only 10, the yuan, could be read: accounts
// of others are listed without one, and have no balances and bills.
//
// Not done, no description: credit cards and their statements, the app of
// private customers, notices. Not done, not needed: payments; ALG other than SM.
package cmb

// Package openbanking is the dialect of the UK Open Banking Read/Write API,
// account information, in versions 3.1 and 4.0.
//
// It follows what openbankinguk.github.io/read-write-api-site3 publishes under
// v3.1.10, v3.1.11 and v4.0 (account-access-consents, accounts, balances,
// transactions, statements, the Read/Write Data API Profile), the code sets of
// github.com/OpenBankingUK/External_Internal_CodeSets, and the FAPI 1.0 security
// profile they stand on: private_key_jwt and signed request objects with PS256,
// openbanking_intent_id in the request and in the ID token, PKCE (RFC 7636)
// besides, and iss in the answer (RFC 9207) where the bank sends it. Endpoints
// come from OpenID discovery unless configured.
//
// One Connector is one bank, in the version of its API's path. Both versions are
// asked alike and differ in words; the other version's are understood, too,
// since banks mix them. A credential is a consent and its tokens; it opens the
// accounts that the person picked at the bank, until the consent's end if it has
// one. A refusal that asks for the person's login again, or for a consent that
// was withdrawn, has expired or is used up, is ErrUnauthorized; for one that
// gives no reason the consent's state is read.
//
// By either profile an answer at the redirect URI is to be signed: "code
// id_token", whose ID token holds c_hash and s_hash, is Config.Hybrid. It comes
// in the fragment, which the page at the redirect URI has to hand on as a
// query. Without it the response type is "code", whose parameters no bank signs:
// what is believed then is the ID token of the token endpoint. The profiles'
// other way, JARM, is not done: neither version's names it.
//
// What a person owes by a card's statement is its ClosingBalance, by another
// debt's the instalment, and what they have paid the next one's CurrentPayment,
// or the account's transactions since. A credit line that a bank counts into a balance is taken out of it. Amounts have
// no sign by the standard; a bank's minus is read as a debit. Midnight of UTC is
// a day without a time.
//
// What it cannot do: a bank that books a pending row under another
// TransactionId, against the standard, does not say so, and Bill.Was stays empty:
// only the reference is the same. Tokens are not bound to a client certificate unless the HTTP client
// given shows one; answers of the resource API are not signed, so TLS is all
// that vouches for them. ReadPAN is not asked for: card numbers come masked. The
// standard has no code for e-CNY: a wallet is one by its name, or by a scheme of
// the bank's own. Standing orders, direct debits and the like are not read.
package openbanking

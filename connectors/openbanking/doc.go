// Package openbanking is the dialect of the UK Open Banking Read/Write API,
// account information, v4.0; the words of v3.1 are understood in answers.
//
// It follows what openbankinguk.github.io/read-write-api-site3/v4.0 publishes
// (account-access-consents, accounts, balances, transactions, Links.Next) and
// the FAPI 1.0 security profile it stands on: private_key_jwt and signed
// request objects with PS256, openbanking_intent_id in the request and in the
// ID token, PKCE (RFC 7636) besides, and iss in the answer (RFC 9207) where
// the bank sends it. Endpoints come from OpenID discovery unless configured.
//
// One Connector is one bank. A credential is a consent and its tokens; it
// opens the accounts that the person picked at the bank.
//
// What it cannot do: the response type is "code" alone, not the hybrid "code
// id_token"; tokens are not bound to a client certificate unless the HTTP
// client given shows one; answers of the resource API are not signed, so TLS
// is all that vouches for them. ReadPAN is not asked for: card numbers come
// masked. Statements, standing orders and the like are not read.
package openbanking

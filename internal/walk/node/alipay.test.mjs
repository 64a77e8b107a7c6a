// Alipay's client library talks to the mock town by both protocols, in both
// modes of keys and encrypted: it accepts the town's signatures, and the town
// accepts its.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AlipaySdk } from 'alipay-sdk'
import { getJSON, ready } from './ready.mjs'

const town = await getJSON(ready.sandbox + '/town')
const { gateway, api: endpoint, authorize, app_id: appId, private_key: privateKey, content_key: encryptKey } = town.alipay
const ours = { appId, privateKey, gateway, endpoint, keyType: 'PKCS8', signType: 'RSA2', encryptKey }
const byKey = () => new AlipaySdk({ ...ours, alipayPublicKey: town.alipay.alipay_public_key })
const byCert = () => new AlipaySdk({
  ...ours, appCertContent: town.alipay.app_cert, alipayPublicCertContent: town.alipay.alipay_cert, alipayRootCertContent: town.alipay.root_cert,
})

// authCode logs the first of the townspeople in, as a browser would.
async function authCode() {
  const { login, password } = town.people[0]
  const page = `${authorize}?${new URLSearchParams({ app_id: appId, scope: 'auth_user', redirect_uri: 'http://127.0.0.1/callback', state: 'abc' })}`
  const answer = await fetch(page, { method: 'POST', body: new URLSearchParams({ login, password, decision: 'agree' }), redirect: 'manual' })
  assert.equal(answer.status, 302, 'the login sends one back')
  const back = new URL(answer.headers.get('location')).searchParams
  assert.equal(back.get('state'), 'abc')
  return back.get('auth_code')
}

const day = (ago) => new Date(Date.now() + 8 * 36e5 - ago * 864e5).toISOString().slice(0, 10)
const month = { start_time: day(30) + ' 00:00:00', end_time: day(0) + ' 00:00:00', page_no: '1', page_size: '2000' }
const yuan = /^\d+\.\d\d$/

for (const [mode, make] of [['key', byKey], ['certificate', byCert]]) {
  test(`v2, ${mode} mode: exec with validateSign`, async () => {
    const sdk = make()
    const ask = (method, authToken, bizContent) => sdk.exec(method, { auth_token: authToken, bizContent }, { validateSign: true })
    const token = await sdk.exec('alipay.system.oauth.token', { grant_type: 'authorization_code', code: await authCode() }, { validateSign: true })
    assert.match(token.userId, /^2088\d{12}$/)
    const renewed = await sdk.exec('alipay.system.oauth.token', { grant_type: 'refresh_token', refresh_token: token.refreshToken }, { validateSign: true })
    assert.equal(renewed.userId, token.userId)

    const balance = await ask('alipay.data.bill.balance.query', renewed.accessToken, {})
    assert.equal(balance.code, '10000')
    assert.match(balance.availableAmount, yuan)
    const closing = await ask('alipay.data.bill.balancehis.query', renewed.accessToken, { biz_date: day(1) })
    assert.match(closing.endingBalance, yuan)

    const log = await ask('alipay.data.bill.accountlog.query', renewed.accessToken, month)
    assert.ok(log.detailList.length > 20)
    const bought = await ask('alipay.data.bill.buy.query', renewed.accessToken, month)
    const orders = new Set(log.detailList.map((row) => row.alipayOrderNo))
    assert.ok(bought.detailList.length > 0 && bought.detailList.every((row) => orders.has(row.alipayOrderNo)))
    const moved = await ask('alipay.data.bill.transfer.query', renewed.accessToken, month)
    assert.ok(moved.detailList.some((row) => row.typeDesc === '充值' && /（.+\d{4}）$/.test(row.account)))
    assert.equal((await ask('alipay.data.bill.sell.query', renewed.accessToken, month)).totalSize, '0')

    const busy = log.detailList.map((row) => row.transDt.slice(0, 10)).find((on) => on < day(0)) // a day of no bills has no file
    const file = await ask('alipay.data.dataservice.bill.downloadurl.query', renewed.accessToken, { bill_type: 'signcustomer', bill_date: busy, secure: 'true' })
    const zip = Buffer.from(await (await fetch(file.billDownloadUrl)).arrayBuffer())
    assert.equal(zip.subarray(0, 2).toString(), 'PK')
    assert.equal((await fetch(file.billDownloadUrl.replace(/fileId=(.)/, (_, c) => 'fileId=' + (c === '0' ? '1' : '0')))).status, 403)

    const refused = await ask('alipay.data.bill.balance.query', 'nobody', {})
    assert.equal(`${refused.code} ${refused.subCode}`, '20001 aop.invalid-auth-token')
    const late = await ask('alipay.data.bill.accountlog.query', renewed.accessToken, { ...month, start_time: day(40) + ' 00:00:00' })
    assert.equal(late.code, '40004')
  })

  test(`v2, ${mode} mode: pageExecute, and AES content`, async () => {
    const sdk = make()
    const token = await sdk.exec('alipay.system.oauth.token', { grant_type: 'authorization_code', code: await authCode() }, { validateSign: true })
    const method = 'alipay.data.bill.balance.query'
    const raw = await (await fetch(sdk.pageExecute(method, 'GET', { authToken: token.accessToken, bizContent: {} }))).text()
    const answer = JSON.parse(raw)
    sdk.checkResponseSign(raw, 'alipay_data_bill_balance_query_response', answer.sign, '')
    assert.equal(answer.alipay_cert_sn, mode === 'certificate' ? sdk.config.alipayCertSn : undefined)

    const form = sdk.pageExecute(method, 'POST', { authToken: token.accessToken, bizContent: {} })
    const fields = [...form.matchAll(/name="(\w+)" value="(.*?)" \/>/g)].map(([, name, value]) => [name, value.replaceAll('&quot;', '"')])
    const posted = await (await fetch(/action="(.*?)"/.exec(form)[1], { method: 'POST', body: new URLSearchParams(fields) })).json()
    assert.equal(posted.alipay_data_bill_balance_query_response.code, '10000')

    const plain = await sdk.exec(method, { auth_token: token.accessToken, bizContent: { bill_user_id: token.userId }, needEncrypt: true })
    assert.match(plain.availableAmount, yuan)
    // The library cannot verify what is encrypted in v2; what it would have to
    // verify is the response with its quotes.
    const page = sdk.pageExecute(method, 'GET', { authToken: token.accessToken, bizContent: { bill_user_id: token.userId }, needEncrypt: true })
    const sealed = await (await fetch(page)).json()
    assert.ok(sdk.rsaCheck(`"${sealed.alipay_data_bill_balance_query_response}"`, sealed.sign))
  })

  test(`v3, ${mode} mode: curl`, async () => {
    const sdk = make()
    const codeOf = async (promise) => promise.then(() => 'none', (e) => `${e.responseHttpStatus} ${e.code}`)
    const token = (await sdk.curl('POST', '/v3/alipay/system/oauth/token', { body: { grant_type: 'authorization_code', code: await authCode() } })).data
    const { responseHttpStatus, data: balance } = await sdk.curl('GET', '/v3/alipay/data/bill/balance/query', { query: { auth_token: token.access_token } })
    assert.equal(responseHttpStatus, 200)
    assert.match(balance.available_amount, yuan)
    const log = (await sdk.curl('GET', '/v3/alipay/data/bill/accountlog/query', { query: { auth_token: token.access_token, ...month } })).data
    assert.ok(log.detail_list.length > 20)

    const sealed = await sdk.curl('POST', '/v3/alipay/system/oauth/token', { body: { grant_type: 'refresh_token', refresh_token: token.refresh_token }, needEncrypt: true })
    assert.equal(sealed.data.user_id, token.user_id)

    assert.equal(await codeOf(sdk.curl('GET', '/v3/alipay/data/bill/balance/query', { query: { auth_token: 'nobody' } })), '401 invalid-auth-token')
    assert.equal(await codeOf(sdk.curl('POST', '/v3/alipay/system/oauth/token', { body: { grant_type: 'authorization_code', code: 'nobody' } })), '400 isv.code-invalid')
    assert.equal(await codeOf(sdk.curl('GET', '/v3/alipay/trade/pay')), '400 invalid-method')
    const forger = new AlipaySdk({ ...ours, appId: appId.replace(/.$/, '9'), alipayPublicKey: town.alipay.alipay_public_key })
    assert.equal(await codeOf(forger.curl('GET', '/v3/alipay/data/bill/balance/query', { query: { auth_token: token.access_token } })), '400 invalid-app-id')
  })
}

test('the library refuses what the town did not sign', async () => {
  const sdk = new AlipaySdk({ ...ours, alipayPublicKey: town.wechatpay.public_key })
  const grant = { grant_type: 'refresh_token', refresh_token: 'nobody' }
  await assert.rejects(sdk.exec('alipay.system.oauth.token', grant, { validateSign: true }), /验签失败/)
  await assert.rejects(sdk.curl('GET', '/v3/alipay/data/bill/balance/query', { query: { auth_token: 'nobody' } }), { code: 'invalid-auth-token' })
  const token = await byKey().exec('alipay.system.oauth.token', { grant_type: 'authorization_code', code: await authCode() }, { validateSign: true })
  await assert.rejects(sdk.curl('GET', '/v3/alipay/data/bill/balance/query', { query: { auth_token: token.accessToken } }), { code: 'response-signature-verify-error' })
})

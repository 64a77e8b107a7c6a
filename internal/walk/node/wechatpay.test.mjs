// WeChat Pay's client library talks to the mock town in both modes of a
// merchant: it accepts the town's signatures, and the town accepts its.
import assert from 'node:assert/strict'
import { createDecipheriv, createHash, privateDecrypt } from 'node:crypto'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import wechatpay from 'wechatpay-axios-plugin'
import { getJSON, ready } from './ready.mjs'

const { Wechatpay, Aes: { AesGcm } } = wechatpay
const town = await getJSON(ready.sandbox + '/town')

// shopOf is which merchant the first of the townspeople is.
async function shopOf({ base, authorize, app_id: appid, app_secret: secret }) {
  const { login, password } = town.people[0]
  const page = `${authorize}?${new URLSearchParams({ appid, redirect_uri: 'http://127.0.0.1/callback', response_type: 'code', scope: 'snsapi_base', state: 'abc' })}`
  const answer = await fetch(page, { method: 'POST', body: new URLSearchParams({ login, password, decision: 'agree' }), redirect: 'manual' })
  const back = new URL(answer.headers.get('location')).searchParams
  assert.equal(back.get('state'), 'abc')
  return (await getJSON(`${base}/sns/oauth2/access_token?${new URLSearchParams({ appid, secret, code: back.get('code'), grant_type: 'authorization_code' })}`)).sub_mchid
}

const client = ({ base: baseURL, mchid, serial, private_key: privateKey }, certs) => new Wechatpay({ mchid, serial, privateKey, certs, baseURL })

// day is some days ago, in the town's zone.
const day = (ago) => new Date(Date.now() + 8 * 36e5 - ago * 864e5).toISOString().slice(0, 10)

// first asks for the youngest bill that there is, from three days ago on.
async function first(ask) {
  for (let ago = 3; ago < 30; ago++) {
    try {
      return (await ask(day(ago))).data
    } catch (e) {
      assert.equal(e.response?.data?.code, 'NO_STATEMENT_EXIST', e.message)
    }
  }
  throw new Error('a month without a bill')
}

// download fetches a file by a signed request whose answer is not signed.
async function download(wxpay, address) {
  const { pathname, search } = new URL(address)
  return (await wxpay.client.v3.get(pathname + search, { responseType: 'arraybuffer', transformResponse: [] })).data
}

const sha1 = (file) => createHash('sha1').update(file).digest('hex')

async function reads(access, wxpay) {
  const sub = await shopOf(access)
  const now = await wxpay.v3.ecommerce.fund.balance[sub].get({ params: { account_type: 'BASIC' } })
  assert.equal(now.data.sub_mchid, sub)
  assert.ok(Number.isInteger(now.data.available_amount), 'sums are whole fen')
  const then = await wxpay.v3.ecommerce.fund.enddaybalance[sub].get({ params: { date: day(3) } })
  assert.ok(Number.isInteger(then.data.available_amount))

  const trade = await first((bill_date) => wxpay.v3.bill.tradebill.get({ params: { bill_date, sub_mchid: sub, bill_type: 'ALL', tar_type: 'GZIP' } }))
  const file = gunzipSync(await download(wxpay, trade.download_url))
  assert.deepEqual([trade.hash_type, trade.hash_value], ['SHA1', sha1(file)])
  assert.match(file.toString(), /^\ufeff交易时间,/)
  assert.ok(file.toString().includes('`' + sub), 'the rows are the shop\'s')

  const book = await first((bill_date) => wxpay.v3.bill['sub-merchant-fundflowbill'].get({ params: { bill_date, sub_mchid: sub, account_type: 'BASIC', algorithm: 'AEAD_AES_256_GCM', tar_type: 'GZIP' } }))
  assert.equal(book.download_bill_count, 1)
  const [{ download_url, encrypt_key, hash_value, nonce }] = book.download_bill_list
  const sealed = await download(wxpay, download_url)
  const key = privateDecrypt(access.private_key, Buffer.from(encrypt_key, 'base64')) // RSAES-OAEP
  const cipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce))
  cipher.setAuthTag(sealed.subarray(-16))
  const opened = gunzipSync(Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]))
  assert.equal(hash_value, sha1(opened))
  assert.match(opened.toString(), /^\ufeff记账时间,/)
}

test('wechatpay-axios-plugin in public-key mode', async () => {
  const access = town.wechatpay
  const wxpay = client(access, { [access.public_key_id]: access.public_key })
  await reads(access, wxpay)
  await assert.rejects(wxpay.v3.certificates.get(), (e) => e.response.status === 404)
  const strange = client(access, { PUB_KEY_ID_0: access.public_key })
  await assert.rejects(reads(access, strange), /Cannot found the serial/)
  const forger = client({ ...access, serial: 'AB' }, { [access.public_key_id]: access.public_key })
  await assert.rejects(forger.v3.ecommerce.fund.balance['1'].get(), (e) => e.response.status === 401)
})

test('wechatpay-axios-plugin in platform-certificate mode', async () => {
  const access = town.wechatpay_certificates
  const certs = {}
  const open = (text) => {
    const { data } = JSON.parse(text)
    for (const { serial_no: serial, encrypt_certificate: { ciphertext, nonce, associated_data: about } } of data) {
      certs[serial] = AesGcm.decrypt(ciphertext, access.api_v3_key, nonce, about)
    }
    return data
  }
  // The first list is opened before anything can be verified with it, as the
  // library's own downloader does.
  const { data } = await client(access, { any: undefined }).v3.certificates.get({ transformResponse: [open] })
  assert.match(certs[data[0].serial_no], /BEGIN CERTIFICATE/)
  const wxpay = client(access, certs)
  assert.equal((await wxpay.v3.certificates.get()).status, 200)
  await reads(access, wxpay)
})

// A client in TypeScript: types are generated from the document, hold what the
// document holds, and drive a sample against the sandbox. They are not kept in
// the repository, since a reader makes their own by the same command.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { decide, ready } from './ready.mjs'

const run = (program, ...args) => promisify(execFile)(process.execPath, [`node_modules/${program}`, ...args])
  .catch((error) => assert.fail(`${program}: ${error.stdout}${error.stderr}`))

describe('a client in TypeScript', () => {
  it('compiles by the types of the document and goes from a request to the last bill', async () => {
    await run('openapi-typescript/bin/cli.js', '../../../openapi/openapi.yaml', '-o', 'jali.d.ts')
    await run('typescript/bin/tsc', '--project', '.')
    const { oneLook } = await import('./.build/sample.js')
    const { client_id, redirect_uri, jwks } = ready.clients[1]
    const client = { issuer: ready.issuer, client_id, jwk: jwks.keys[0] }
    const person = ready.people[0]
    const { view, bills, after } = await oneLook(client, redirect_uri, (url) => decide(url, person.id, 'allow'))
    assert.equal(view.accounts.length, person.accounts.length)
    assert.ok(bills.length > 100, 'there is more than the first page')
    assert.equal(new Set(bills.map((bill) => bill.id)).size, bills.length)
    assert.equal(after, 'invalid_token')
    await assert.rejects(oneLook(client, redirect_uri, (url) => decide(url, person.id, 'deny')), /access_denied/)
  })
})

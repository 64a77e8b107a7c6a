// What the types of the document must not let pass: a line that is no mistake to
// the compiler is one to this test.
import createClient from 'openapi-fetch'
import type { components, paths } from './jali.js'

const jali = createClient<paths>()

// @ts-expect-error there is no such path
export const path = jali.GET('/v1/view')
// @ts-expect-error the key is not left out
export const header = jali.POST('/v1/views', { body: {} })
// @ts-expect-error a datatype of no grant
export const datatype: components['schemas']['Datatype'] = 'salaries'
// @ts-expect-error a purpose that is not on the list
export const purpose: components['schemas']['AccountView']['purpose'] = 'curiosity'
// @ts-expect-error a bill has no number of an account
export const number = (bill: components['schemas']['Bill']) => bill.number
// @ts-expect-error an amount is not a number
export const amount: components['schemas']['Amount'] = { value: 10.5, currency: 'CNY' }

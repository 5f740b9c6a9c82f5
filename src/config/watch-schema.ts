/** What sallyport.yaml says of watching. */
import { z } from 'zod'

export const watchSchema = () => z.strictObject({})

/** As sallyport.yaml states it. */
export type WatchConfig = z.output<ReturnType<typeof watchSchema>>

/** The forms in which `sallyport env` prints variables. */
export const envFormats = ['shell', 'dotenv', 'json', 'kubernetes'] as const

export interface EnvFlags {
  readonly tokenFile?: string
  readonly format: (typeof envFormats)[number]
}

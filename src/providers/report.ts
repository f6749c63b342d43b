/** What `GET /providers` and `doctor` say about a provider. Data only. */
export interface ProviderReport {
  readonly name: string;
  readonly kind: string;
  readonly command: readonly string[];
  readonly path: string | null;
  readonly version: string | null;
  readonly available: boolean;
  /** Where the program tells it; null = it does not. */
  readonly login: { readonly loggedIn: boolean; readonly detail: string } | null;
  /** Why it cannot be used, and the step that mends it; null when it can. */
  readonly reason: string | null;
  /** It can be used, but not as one would expect. Empty where its handshake was not looked at. */
  readonly warnings: readonly ProviderWarning[];
}

export interface ProviderWarning {
  readonly code: string;
  readonly message: string;
}

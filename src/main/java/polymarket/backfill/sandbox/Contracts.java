package polymarket.backfill.sandbox;

/** Addresses of the contracts of Polymarket on Polygon, lower case. */
final class Contracts {
  static final String NOBODY = "0x" + "0".repeat(40);
  static final String CTF = "0x4d97dcd97ec945f40cf65f87097ace5ea0476045";
  static final String EXCHANGE_V1 = "0x4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e";
  static final String NEG_RISK_EXCHANGE_V1 = "0xc5d563a36ae78145c45a50134d48a1215220f80a";
  static final String EXCHANGE_V2 = "0xe111180000d2663c0091e4f400237545b87b996b";
  static final String NEG_RISK_EXCHANGE_V2 = "0xe2222d279d744050d28e00520010520000310f59";
  static final String EXCHANGE_V3 = "0xe3333700ca9d93003f00f0f71f8515005f6c00aa";
  static final String FEE_MODULE = "0xe3f18acc55091e2c48d883fc8c8413319d4ab7b0";
  static final String NEG_RISK_FEE_MODULE = "0xb768891e3130f6df18214ac804d4db76c2c37730";
  static final String NEG_RISK_ADAPTER = "0xd91e80cf2e7be2e162c6513ced06f1dd0da35296";
  static final String COLLATERAL_ADAPTER = "0xada100874d00e3331d00f2007a9c336a65009718";
  static final String NEG_RISK_COLLATERAL_ADAPTER = "0xada2005600dec949baf300f4c6120000bdb6eaab";
  static final String AUTO_REDEEMER = "0xf3cfb6a6ebfeb51876289eb235719eb1c65252b0";
  static final String FACTORY = "0x8b9805a2f595b6705e74f7310829f2d299d21522";
  static final String POSITION_MANAGER = "0x006f54f7f9a22e0000cc2ab60031000000ae9fef";
  static final String BINARY_MODULE = "0x1000008dd9001b968442c1000017eae6e0da00ba";
  static final String NEG_RISK_MODULE = "0x200000900045e3b6259600682756002200028933";
  static final String ROUTER = "0x12121212006e4cd160d18e3f00711da5c3372600";
  static final String USDC = ConditionalTokens.USDC.toLowerCase();

  /** Wrapped collateral of neg-risk markets; the contract itself holds the USDC.e behind it. */
  static final String WRAPPED = ConditionalTokens.WRAPPED.toLowerCase();

  /** pUSD; in the sandbox the contract itself holds the USDC.e behind it. */
  static final String PUSD = "0xc011a7e12a19f7b1f670d46f03b03f3342e82dfb";

  /** Where converted NO tokens go, by the adapter's source: it is not zero, so supply stays. */
  static final String BURN =
      "0x" + Mix.hex(ConditionalTokens.keccak("NO_TOKEN_BURN_ADDRESS".getBytes())).substring(0, 40);

  /** Made up: who gets fees of the second exchange, and of conversions. */
  static final String FEE_RECEIVER = "0x115f48dc2a731aa16251c6d6e1befc42f92accc9";

  static final String VAULT = "0x7f67327e88c258932d7d8f72950be0d46975e11c";

  /** A twin of the second exchange from before its time, whose logs are nobody's trades. */
  static final String TWIN = "0x93f0a57b" + "0".repeat(31) + "1";

  /** Another project's ERC-1155 contract. */
  static final String FOREIGN_TOKENS = "0xf0e1d2c3" + "0".repeat(31) + "1";

  private Contracts() {}
}

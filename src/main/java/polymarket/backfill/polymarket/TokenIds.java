package polymarket.backfill.polymarket;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.crypto.digests.KeccakDigest;

/**
 * Condition ids and token ids computed forward, as Gnosis' Conditional Tokens contract computes
 * them ({@code CTHelpers.sol}).
 *
 * <p>A token id is a hash and cannot be decoded into a condition id; it can only be recomputed from
 * one, which is also the proof that the two belong together. Ids are taken with or without {@code
 * 0x} and in any case, and given in the stored form: condition and collection ids as 64 hex digits,
 * lower case, without {@code 0x}; token ids as decimal strings. Every method is a pure function,
 * safe on any number of threads, and throws {@link IllegalArgumentException} with one line for an
 * id of a wrong form.
 */
public final class TokenIds {

  /**
   * The Conditional Tokens contract on Polygon: it emits the condition and transfer events, from
   * block 4,023,686 on.
   */
  public static final String CONDITIONAL_TOKENS = "0x4d97dcd97ec945f40cf65f87097ace5ea0476045";

  /**
   * Bridged USDC, the collateral of every market that is not neg-risk, whatever its exchange takes
   * as payment.
   */
  public static final String USDC_E = "0x2791bca1f2de4661ed88a30c99a7a9449aa84174";

  /** The neg-risk adapter's wrapped USDC.e, the collateral of neg-risk markets. */
  public static final String WRAPPED_COLLATERAL = "0x3a3bd7bb9528e159577f7c2e685cc81a765002e2";

  /** The neg-risk adapter, oracle of every neg-risk condition. */
  public static final String NEG_RISK_ADAPTER = "0xd91e80cf2e7be2e162c6513ced06f1dd0da35296";

  /** The contract takes 2 to 256 outcomes a condition. */
  private static final int MAX_OUTCOMES = 256;

  private static final byte[] USDC_E_BYTES = Hex.bytes("collateral", USDC_E, 20);
  private static final byte[] WRAPPED_BYTES = Hex.bytes("collateral", WRAPPED_COLLATERAL, 20);

  private TokenIds() {}

  /**
   * Both token ids that one outcome of a condition can have.
   *
   * @param outcomeIndex from 0; its index set is {@code 1 << outcomeIndex}
   * @param usdcTokenId with {@link #USDC_E} as collateral, decimal
   * @param wrappedTokenId with {@link #WRAPPED_COLLATERAL} as collateral (neg-risk), decimal
   */
  public record OutcomeTokens(int outcomeIndex, String usdcTokenId, String wrappedTokenId) {}

  /**
   * keccak256(oracle, question id, outcome slot count as uint256), packed.
   *
   * @param oracle address that reports the payouts, 40 hex digits; for neg-risk {@link
   *     #NEG_RISK_ADAPTER}
   * @param questionId 64 hex digits
   * @param outcomeSlotCount 2 to 256
   * @return 64 hex digits
   */
  public static String conditionId(String oracle, String questionId, int outcomeSlotCount) {
    checkOutcomes(outcomeSlotCount);
    return Hex.of(
        conditionId(
            Hex.bytes("oracle", oracle, 20),
            Hex.bytes("question id", questionId, 32),
            outcomeSlotCount));
  }

  /**
   * The id of a set of outcomes of a condition, without a parent collection: the x of a point of
   * alt_bn128 that the hash of condition id and index set leads to, with bit 254 flipped when the
   * hash is 2^255 or more.
   *
   * @param conditionId 64 hex digits
   * @param indexSet bit i set for outcome i, so {@code 1 << i} for the one outcome i; 1 to 2^256 -
   *     1
   * @return 64 hex digits
   */
  public static String collectionId(String conditionId, BigInteger indexSet) {
    if (indexSet == null || indexSet.signum() <= 0 || indexSet.bitLength() > 256) {
      throw new IllegalArgumentException("index set: expected 1 to 2^256 - 1, got " + indexSet);
    }
    return Hex.of(collectionId(Hex.bytes("condition id", conditionId, 32), indexSet));
  }

  /**
   * The ERC-1155 id of a position, which Polymarket calls token id or asset id:
   * keccak256(collateral, collection id), packed.
   *
   * @param collateral address, 40 hex digits: {@link #USDC_E} or {@link #WRAPPED_COLLATERAL}
   * @param collectionId 64 hex digits
   * @return decimal
   */
  public static String positionId(String collateral, String collectionId) {
    return positionId(
        Hex.bytes("collateral", collateral, 20), Hex.bytes("collection id", collectionId, 32));
  }

  /**
   * The token ids of all outcomes of a condition, for both collaterals.
   *
   * <p>Gamma's {@code clobTokenIds} of markets with three and more outcomes were made with index
   * set {@code i + 1}: from outcome 2 on they differ from these, and are the tokens of other sets
   * of outcomes (3 is outcomes 0 and 1 together, 4 is outcome 2).
   *
   * @param conditionId 64 hex digits
   * @param outcomes 2 to 256
   * @return one entry an outcome, in order
   */
  public static List<OutcomeTokens> tokenIds(String conditionId, int outcomes) {
    byte[] condition = Hex.bytes("condition id", conditionId, 32);
    checkOutcomes(outcomes);
    List<OutcomeTokens> tokens = new ArrayList<>(outcomes);
    for (int i = 0; i < outcomes; i++) {
      byte[] collection = collectionId(condition, BigInteger.ONE.shiftLeft(i));
      tokens.add(
          new OutcomeTokens(
              i, positionId(USDC_E_BYTES, collection), positionId(WRAPPED_BYTES, collection)));
    }
    return tokens;
  }

  /**
   * The token ids of the index sets 3, 5, 6, 7, … up to the number of outcomes, which are several
   * outcomes together, with both collaterals. Gamma numbers sets 1, 2, 3, … and so lists some of
   * them as a single outcome's.
   */
  public static List<String> otherTokenIds(String conditionId, int outcomes) {
    byte[] condition = Hex.bytes("condition id", conditionId, 32);
    checkOutcomes(outcomes);
    List<String> tokens = new ArrayList<>();
    for (int set = 3; set <= outcomes; set++) {
      if (Integer.bitCount(set) > 1) {
        byte[] collection = collectionId(condition, BigInteger.valueOf(set));
        tokens.add(positionId(USDC_E_BYTES, collection));
        tokens.add(positionId(WRAPPED_BYTES, collection));
      }
    }
    return tokens;
  }

  static byte[] conditionId(byte[] oracle, byte[] questionId, int outcomeSlotCount) {
    return keccak256(oracle, questionId, word(BigInteger.valueOf(outcomeSlotCount)));
  }

  /** Ethereum's keccak-256 (not SHA3-256, whose padding differs) of the parts one after another. */
  static byte[] keccak256(byte[]... parts) {
    KeccakDigest digest = new KeccakDigest(256);
    for (byte[] part : parts) {
      digest.update(part, 0, part.length);
    }
    byte[] hash = new byte[32];
    digest.doFinal(hash, 0);
    return hash;
  }

  private static byte[] collectionId(byte[] conditionId, BigInteger indexSet) {
    BigInteger hash = new BigInteger(1, keccak256(conditionId, word(indexSet)));
    BigInteger x = AltBn128.nextOnCurve(hash);
    return word(hash.testBit(255) ? x.flipBit(254) : x);
  }

  private static String positionId(byte[] collateral, byte[] collectionId) {
    return new BigInteger(1, keccak256(collateral, collectionId)).toString();
  }

  private static byte[] word(BigInteger value) {
    byte[] bytes = value.toByteArray();
    byte[] word = new byte[32];
    int length = Math.min(bytes.length, 32);
    System.arraycopy(bytes, bytes.length - length, word, 32 - length, length);
    return word;
  }

  private static void checkOutcomes(int outcomes) {
    if (outcomes < 2 || outcomes > MAX_OUTCOMES) {
      throw new IllegalArgumentException(
          "outcomes: expected 2 to " + MAX_OUTCOMES + ", got " + outcomes);
    }
  }
}

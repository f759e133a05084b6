package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenIdsTest {

  private static final String CONDITION =
      "e3b423dfad8c22ff75c9899c4e8176f628cf4ad4caa00481764d320e7415f7a9";
  private static final String TOKEN_YES =
      "53135072462907880191400140706440867753044989936304433583131786753949599718775";
  private static final String TOKEN_NO =
      "60869871469376321574904667328762911501870754872924453995477779862968218702336";

  @ParameterizedTest
  @CsvSource({
    "db4ab1dbbedd6aeec17aa6e3f66262cff0e3b04742dd3acdf99652575e5422f8, 1,"
        + " 12adf3dfeaddeef8f31fa86654bf367c5c7b1e854dff407d7c87ff76af4ad16d",
    "db4ab1dbbedd6aeec17aa6e3f66262cff0e3b04742dd3acdf99652575e5422f8, 2,"
        + " 2f5ebcc5972889a57d587b7088d543bbf464fbdd2b2c4cb7c276ca3d4d70415b",
    "da558eddf6eb57760bd5371fb313167f871d823a16e9d66fccb292baf2a117c0, 1,"
        + " 45ca66c3edbdbf0fbd03366cf395d3663ee3b34c4db07964bb60e3c7ca7e20e2",
    "da558eddf6eb57760bd5371fb313167f871d823a16e9d66fccb292baf2a117c0, 2,"
        + " 416929e8901456139abeec231eba635f911a240961f78919665280c69288ee0d"
  })
  void collectionIdsAreThoseOfTheUpstreamTests(
      String condition, BigInteger indexSet, String collection) {
    assertEquals(collection, TokenIds.collectionId(condition, indexSet));
  }

  @ParameterizedTest
  @CsvSource({
    "65070BE91477460D8A7AeEb94ef92fe056C2f2A7,"
        + " 432ea6aab86e58e5413a12dc5b66a40cd5dfc82d85aec8ea006016008c565ded,"
        + " a6d544024ed0b1de9e0cd6c0327a7c18a872e5875f40ceafb61937bccd43f248",
    "65070BE91477460D8A7AeEb94ef92fe056C2f2A7,"
        + " fbcfca714888a0e5178b78abc06caf86c4967a805c47db727915e8d7dce07467,"
        + " 4ad86011275cd47ca3c5f73228acb3ea05222ab1ee258c966ae3a8d0a3427080",
    "d91E80cF2E7be2e162c6513ceD06f1dD0dA35296,"
        + " dfe79e9a5f49307f93d4e6cf52a364f0e0a4cb170adde99c3dfd70506c308211,"
        + " 922e3703ad7c0398358e4b6cb9624c56a01269e00c1a76becb907a3faad2bbf8"
  })
  void conditionIdsAreThoseOfKnownMarkets(String oracle, String question, String condition) {
    assertEquals(condition, TokenIds.conditionId(oracle, question, 2));
  }

  @Test
  void tokenIdsAreThoseOfKnownMarkets() {
    List<TokenIds.OutcomeTokens> plain = TokenIds.tokenIds(CONDITION, 2);
    assertEquals(List.of(0, 1), plain.stream().map(TokenIds.OutcomeTokens::outcomeIndex).toList());
    assertEquals(
        List.of(TOKEN_YES, TOKEN_NO),
        plain.stream().map(TokenIds.OutcomeTokens::usdcTokenId).toList());
    assertEquals(
        List.of(
            "12746173762781977439803467221961762389065406924904805707581919696847251025839",
            "105289111968563707926742239139834069095270323356048206007894785434339457290020"),
        TokenIds.tokenIds("922e3703ad7c0398358e4b6cb9624c56a01269e00c1a76becb907a3faad2bbf8", 2)
            .stream()
            .map(TokenIds.OutcomeTokens::wrappedTokenId)
            .toList());
  }

  @Test
  void multiOutcomeTokensUseOneBitAnOutcome_notGammasIndexPlusOne() {
    String condition = "f73eed12df505d39083594f9681d40f26956d480054fa812f2915e21f0f3b809";
    String gammasThird =
        "77570055499067639381155963732859475659150291530071737210523194306296200859039";
    String gammasFourth =
        "100795451215759150176878183141256855137892271164799535478830981370884361038758";
    List<TokenIds.OutcomeTokens> tokens = TokenIds.tokenIds(condition, 5);
    assertEquals(
        "70367639209599630531902384880113746818856262740209582965097102751306890272877",
        tokens.get(0).usdcTokenId());
    assertEquals(
        "100992514659597716332396338340759221105642748618822623513719698483527853519256",
        tokens.get(1).usdcTokenId());
    assertEquals(gammasFourth, tokens.get(2).usdcTokenId());
    assertFalse(tokens.stream().anyMatch(token -> token.usdcTokenId().equals(gammasThird)));
    assertEquals(
        gammasThird,
        TokenIds.positionId(
            TokenIds.USDC_E, TokenIds.collectionId(condition, BigInteger.valueOf(3))));
  }

  @Test
  void everyRecordedTokenIdIsRecomputed() {
    List<Map<String, String>> rows = Recorded.csv("derived/token_condition_vectors.csv");
    assertEquals(3545, rows.size());
    int byOutcome = 0;
    for (Map<String, String> row : rows) {
      String condition = row.get("condition_id");
      int outcome = Integer.parseInt(row.get("outcome_index"));
      boolean wrapped = row.get("collateral").equals("WrappedCollateral");
      assertEquals("1", row.get("verified"), condition);
      assertEquals(
          row.get("token_id"),
          TokenIds.positionId(
              wrapped ? TokenIds.WRAPPED_COLLATERAL : TokenIds.USDC_E,
              TokenIds.collectionId(condition, new BigInteger(row.get("index_set")))),
          row.toString());
      TokenIds.OutcomeTokens token =
          TokenIds.tokenIds(condition, Math.max(2, outcome + 1)).get(outcome);
      boolean same =
          row.get("token_id").equals(wrapped ? token.wrappedTokenId() : token.usdcTokenId());
      boolean gammasRule = row.get("index_set_rule").equals("i+1 (gamma bug)") && outcome >= 2;
      assertEquals(!gammasRule, same, row.toString());
      byOutcome += same ? 1 : 0;
    }
    assertEquals(3516, byOutcome);
  }

  @Test
  void everyRecordedConditionIdIsRecomputed() {
    List<Map<String, String>> rows = Recorded.csv("derived/condition_oracle_question.csv");
    assertEquals(1490, rows.size());
    for (Map<String, String> row : rows) {
      assertEquals(
          row.get("condition_id"),
          "0x"
              + TokenIds.conditionId(
                  row.get("oracle"),
                  row.get("question_id"),
                  Integer.parseInt(row.get("outcome_slot_count"))),
          row.toString());
    }
  }

  @Test
  void idsAreTakenInEveryForm() {
    for (String form :
        List.of(
            CONDITION, "0x" + CONDITION, CONDITION.toUpperCase(), "0X" + CONDITION.toUpperCase())) {
      assertEquals(TOKEN_YES, TokenIds.tokenIds(form, 2).get(0).usdcTokenId(), form);
    }
  }

  @Test
  void wrongFormsAreRefusedInOneLine() {
    for (String wrong :
        new String[] {
          null,
          "",
          "0x",
          CONDITION.substring(1),
          CONDITION + "0",
          "0x0x" + CONDITION.substring(2),
          CONDITION.substring(1) + "g",
          CONDITION.substring(2) + "\n ",
          TOKEN_YES,
          "f".repeat(1000)
        }) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> TokenIds.tokenIds(wrong, 2), wrong);
      assertTrue(e.getMessage().startsWith("condition id: expected 64 hex digits"), e.getMessage());
      assertTrue(e.getMessage().length() < 200 && !e.getMessage().contains("\n"), e.getMessage());
    }
    assertThrows(
        IllegalArgumentException.class, () -> TokenIds.conditionId(CONDITION, CONDITION, 2));
    assertThrows(IllegalArgumentException.class, () -> TokenIds.positionId(CONDITION, CONDITION));
    for (int outcomes : new int[] {-1, 0, 1, 257}) {
      assertThrows(IllegalArgumentException.class, () -> TokenIds.tokenIds(CONDITION, outcomes));
    }
    for (BigInteger indexSet :
        new BigInteger[] {
          null, BigInteger.ZERO, BigInteger.ONE.negate(), BigInteger.ONE.shiftLeft(256)
        }) {
      assertThrows(
          IllegalArgumentException.class, () -> TokenIds.collectionId(CONDITION, indexSet));
    }
  }

  @Test
  void allOfTheContractsOutcomesHaveTokensOfTheirOwn() {
    List<TokenIds.OutcomeTokens> tokens = TokenIds.tokenIds(CONDITION, 256);
    assertEquals(
        512,
        tokens.stream()
            .flatMap(token -> List.of(token.usdcTokenId(), token.wrappedTokenId()).stream())
            .distinct()
            .count());
    assertEquals(64, TokenIds.collectionId(CONDITION, BigInteger.ONE.shiftLeft(255)).length());
  }

  @Test
  void manyThreadsAgreeWithOne() {
    List<String> conditions =
        new Random(3).ints(400).mapToObj(i -> String.format("%064x", i)).toList();
    List<List<TokenIds.OutcomeTokens>> one =
        conditions.stream().map(id -> TokenIds.tokenIds(id, 3)).toList();
    assertEquals(one, conditions.parallelStream().map(id -> TokenIds.tokenIds(id, 3)).toList());
  }

  @Test
  void squaresAreToldAsByEulersCriterion() {
    BigInteger half = AltBn128.P.shiftRight(1);
    Random random = new Random(4);
    IntStream.range(0, 3000)
        .mapToObj(
            i ->
                switch (i % 3) {
                  case 0 -> new BigInteger(random.nextInt(254), random);
                  case 1 ->
                      new BigInteger(random.nextInt(64), random).shiftLeft(random.nextInt(190));
                  default ->
                      AltBn128.P.subtract(new BigInteger(1 + random.nextInt(64), random))
                          .mod(AltBn128.P);
                })
        .forEach(
            value ->
                assertEquals(
                    value.modPow(half, AltBn128.P).bitLength() <= 1,
                    AltBn128.isSquare(value),
                    value.toString()));
    for (int bit = 0; bit < 253; bit++) {
      BigInteger power = BigInteger.ONE.shiftLeft(bit);
      assertEquals(
          power.modPow(half, AltBn128.P).equals(BigInteger.ONE),
          AltBn128.isSquare(power),
          "2^" + bit);
    }
    assertTrue(AltBn128.isSquare(BigInteger.ZERO));
    assertFalse(AltBn128.isSquare(AltBn128.P.subtract(BigInteger.ONE)));
  }

  @Test
  void searchForAPointStartsBehindItsStartAndWrapsAround() {
    assertEquals(BigInteger.ONE, AltBn128.nextOnCurve(BigInteger.ZERO));
    // 0³ + 3 is no square, 1³ + 3 is
    assertEquals(BigInteger.ONE, AltBn128.nextOnCurve(AltBn128.P.subtract(BigInteger.ONE)));
    assertEquals(BigInteger.ONE, AltBn128.nextOnCurve(AltBn128.P.shiftLeft(1)));
  }
}

package polymarket.backfill.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

class ConditionalTokensTest {

  @Test
  void conditionIds_areTheHashOfOracleQuestionAndCount() {
    assertEquals(
        "a6d544024ed0b1de9e0cd6c0327a7c18a872e5875f40ceafb61937bccd43f248",
        ConditionalTokens.conditionId(
                "0x65070BE91477460D8A7AeEb94ef92fe056C2f2A7",
                HexFormat.of()
                    .parseHex("432ea6aab86e58e5413a12dc5b66a40cd5dfc82d85aec8ea006016008c565ded"),
                2)
            .hex());
  }

  @Test
  void recordedConditionIds_areRecomputed() throws Exception {
    List<String> lines =
        Recorded.text("derived/condition_oracle_question.csv").lines().skip(1).toList();
    for (String line : lines) {
      String[] f = line.split(",");
      assertEquals(
          f[0],
          ConditionalTokens.conditionId(
                  f[1], HexFormat.of().parseHex(f[2].substring(2)), Integer.parseInt(f[3]))
              .toString());
    }
    assertTrue(lines.size() > 1400);
  }

  @Test
  void tokenIds_areTheHashOfCollateralAndCollection() {
    ConditionId known =
        ConditionId.parse("0x44f10d1cd5aaed4b7ae0b5edb76790f54f45dc0bcaa86831c83d865c774fbb90");
    assertEquals(
        "23957885615115430922384185661294483989521212430808224513177413172438775950057",
        new BigInteger(1, ConditionalTokens.token(known, 1, false)).toString());
    assertEquals(
        "44065917169138815451032058926556960033374557137879250075091545322436931840853",
        new BigInteger(1, ConditionalTokens.token(known, 2, false)).toString());
  }

  @Test
  void recordedTokenIds_areRecomputed() throws Exception {
    int checked = 0;
    for (String line :
        Recorded.text("derived/token_condition_vectors.csv").lines().skip(1).toList()) {
      String[] f = line.split(",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)");
      String collateral = f[5].equals("USDC.e") ? "usdc" : "wrapped";
      byte[] token =
          ConditionalTokens.token(
              ConditionId.parse(f[0]), Integer.parseInt(f[2]), collateral.equals("wrapped"));
      assertEquals(f[4], new BigInteger(1, token).toString(), line);
      checked++;
    }
    assertTrue(checked > 3500, "checked " + checked);
  }
}

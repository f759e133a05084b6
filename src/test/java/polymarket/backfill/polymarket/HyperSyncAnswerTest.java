package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import polymarket.backfill.source.SourceException;

class HyperSyncAnswerTest {

  private static final LogPage PAGE =
      new LogPage("hypersync", "hypersync", List.of("fills"), 10, 20, 20);

  private static String answer(String index) {
    return "{\"data\":[{\"blocks\":[{\"number\":12,\"timestamp\":\"0x6a6b6545\",\"hash\":\"0xab\"}],"
               + "\"logs\":[{\"block_number\":12,\"log_index\":"
        + index
        + ",\"data\":\"0x\"},{\"log_index\":7,\"block_number\":12,\"data\":\"0x01\"},"
        + "{\"log_index\":7,\"block_number\":12,\"data\":\"0x01\"}]}],"
        + "\"next_block\":21,\"rollback_guard\":{\"block_number\":20,\"hash\":\"0xcd\",\"first_block_number\":10,"
        + "\"first_parent_hash\":\"0xef\"}}";
  }

  private static HyperSyncAnswer read(byte[] bytes) throws SourceException {
    return HyperSyncAnswer.read(PAGE, bytes);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void aWholeAnswer_countsEachLogOnce_andGivesItsBlocksTime() throws SourceException {
    HyperSyncAnswer answer = read(bytes(answer("3")));
    assertEquals(2, answer.logs().distinct());
    assertEquals(21, answer.next());
    assertEquals("0xcd", answer.hashes().of(20));
    assertEquals("0xef", answer.hashes().of(9));
    assertEquals("", answer.hashes().of(10));
    List<String> lines = new String(answer.lines(), StandardCharsets.UTF_8).lines().toList();
    assertEquals(2, lines.size());
    assertTrue(
        lines.get(0).startsWith("{\"backfill_time\":1785423173,\"backfill_hash\":\"0xab\","),
        lines.get(0));
  }

  @Test
  void anAnswerThatIsCutAnywhere_isRefused() {
    byte[] whole = bytes(answer("3"));
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThrows(SourceException.class, () -> read(cut), length + " bytes");
    }
    assertThrows(SourceException.class, () -> read(bytes(answer("3") + "{}")), "text behind it");
  }

  @Test
  void anAbsurdIndex_isRefused() {
    for (String index : List.of("16777216", "99999999999999999999", "-1", "null", "{}", "1.5")) {
      assertThrows(SourceException.class, () -> read(bytes(answer(index))), index);
    }
  }
}

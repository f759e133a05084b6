package polymarket.backfill.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.Shared;
import polymarket.backfill.UserError;

class IdListTest {

  private static final String A = "a".repeat(64);
  private static final String B = "0123456789abcdef".repeat(4);

  @TempDir private Path folder;
  private final List<String> ids = new ArrayList<>();
  private final List<IdList.Bad> bad = new ArrayList<>();

  private void read(byte[] content) throws IOException {
    Path file = folder.resolve("ids");
    Files.write(file, content);
    read(file.toString());
  }

  private void read(String source) {
    IdList.read(source, IdKind.CONDITION_ID, ids::add, bad::add);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] gz(byte[] content) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(content);
    }
    return out.toByteArray();
  }

  private String refused(byte[] content) {
    UserError error = assertThrows(UserError.class, () -> read(content));
    assertEquals(1, error.getMessage().lines().count(), error.getMessage());
    assertTrue(error.getMessage().startsWith(folder.resolve("ids").toString()), error.getMessage());
    return error.getMessage();
  }

  @Test
  void everyWayToWriteAnId_isTheSameId() throws IOException {
    read(
        bytes(
            "\uFEFF0x"
                + A
                + "\r\n"
                + A.toUpperCase()
                + "\r\n\r\n   0X"
                + A.toUpperCase()
                + "\t\n\n"
                + B));
    assertEquals(List.of(A, A, A, B), ids);
    assertEquals(List.of(), bad);
  }

  @Test
  void badLines_areReportedWithTheirNumbers_blankOnesCounted() throws IOException {
    read(bytes("\n" + A + "\nnonsense\n\n" + A.substring(1) + "\r\n" + B + "\n" + A + "," + B));
    assertEquals(List.of(A, B), ids);
    assertEquals(
        List.of(
            new IdList.Bad(3, "nonsense"),
            new IdList.Bad(5, A.substring(1)),
            new IdList.Bad(7, A + "," + B)),
        bad);
  }

  @Test
  void jsonArray_withBadEntriesByLine() throws IOException {
    read(
        bytes(
            "\uFEFF \n[\n\"0x"
                + A
                + "\",\n 17, null,\n{\"id\": [\""
                + A
                + "\"]},\n\""
                + B.toUpperCase()
                + "\"\n]\n"));
    assertEquals(List.of(A, B), ids);
    assertEquals(List.of(4L, 4L, 5L), bad.stream().map(IdList.Bad::line).toList());
  }

  @Test
  void gzip_ofEither_whateverTheName() throws IOException {
    read(gz(bytes("0x" + A + "\n" + B)));
    read(gz(bytes("[\"" + A + "\"]")));
    assertEquals(List.of(A, B, A), ids);
  }

  @Test
  void standardInput() {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(bytes(A + "\n" + B + "\n")));
    try {
      read("-");
    } finally {
      System.setIn(before);
    }
    assertEquals(List.of(A, B), ids);
  }

  @Test
  void aGzipFileThatWasCut_isOneLine() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 5000; i++) {
      lines.append(String.format("%064x%n", i * 31_337L * i));
    }
    byte[] whole = gz(bytes(lines.toString()));
    for (int length : new int[] {2, 9, 15, whole.length / 2, whole.length - 5}) {
      assertTrue(
          refused(Arrays.copyOf(whole, length)).contains("not a whole gzip file"), "at " + length);
    }
  }

  @Test
  void brokenJson_isOneLineWithTheLineNumber() {
    assertTrue(refused(bytes("[\"" + A + "\",\n\"" + B + "\",\n")).contains("line 3"));
    assertTrue(refused(bytes("[\"" + A + "\"\n\"" + B + "\"]")).contains("line 2"));
    assertTrue(refused(bytes("[\"" + A)).contains("line 1"));
    assertTrue(refused(bytes("[" + A + "]")).contains("line 1"));
  }

  @Test
  void empty_isOneLine() throws IOException {
    for (byte[] nothing :
        List.of(new byte[0], bytes("\n\n  \n"), bytes("\uFEFF"), bytes("[]"), gz(new byte[0]))) {
      assertTrue(refused(nothing).contains("is empty"));
    }
  }

  @Test
  void missingFile_andFolder_areOneLine() {
    UserError missing =
        assertThrows(UserError.class, () -> read(folder.resolve("nowhere").toString()));
    assertTrue(missing.getMessage().contains("no such file"), missing.getMessage());
    UserError isFolder = assertThrows(UserError.class, () -> read(folder.toString()));
    assertTrue(isFolder.getMessage().contains("is a folder"), isFolder.getMessage());
  }

  @Test
  void aMillionLines_areStreamed() throws IOException {
    Path file = folder.resolve("long.gz");
    try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      for (int i = 0; i < 1_000_000; i++) {
        out.write(bytes(String.format("%064x\n", i)));
      }
    }
    long[] count = {0};
    IdList.read(file.toString(), IdKind.CONDITION_ID, id -> count[0]++, bad::add);
    assertEquals(1_000_000, count[0]);
  }

  @Test
  void recordedConditionIds_are26658Entries_and20548Ids() {
    read(Shared.recorded("ids/missing-markets-26658.json").toString());
    assertEquals(26_658, ids.size());
    assertEquals(20_548, new HashSet<>(ids).size());
    assertEquals(List.of(), bad);
    assertTrue(ids.stream().allMatch(id -> id.matches("[0-9a-f]{64}")));
  }

  @Test
  void recordedWallets_are90555() {
    IdList.read(
        Shared.recorded("ids/wallets-90555.json").toString(), IdKind.WALLET, ids::add, bad::add);
    assertEquals(90_555, ids.size());
    assertEquals(90_555, ids.stream().collect(Collectors.toSet()).size());
    assertTrue(ids.stream().allMatch(id -> id.matches("0x[0-9a-f]{40}")));
  }
}

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
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.ExitCode;
import polymarket.backfill.Shared;
import polymarket.backfill.UserError;

@Timeout(60)
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
    assertEquals(List.of(A, B, A, B), ids);
    assertEquals(List.of(new IdList.Bad(3, "nonsense"), new IdList.Bad(5, A.substring(1))), bad);
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
                + "\"\n]\n[\""
                + A
                + "\"]"));
    assertEquals(List.of(A, B, A), ids);
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
  void aTruncatedGzipFile_isOneLine() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 5000; i++) {
      lines.append(String.format("%064x%n", i * 31_337L * i));
    }
    byte[] whole = gz(bytes(lines.toString()));
    for (int length : new int[] {2, 9, 15, whole.length / 2, whole.length - 5}) {
      assertTrue(
          refused(Arrays.copyOf(whole, length)).contains("not a complete gzip file"),
          "at " + length);
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
  void anEmptyList_hasNoIds_andTextWithoutAnId_isOneLine() throws IOException {
    for (byte[] nothing :
        List.of(
            new byte[0],
            bytes("\n\n  \n"),
            bytes("\uFEFF"),
            bytes("[]"),
            bytes(" [ ]\n[]\n"),
            gz(new byte[0]),
            gz(bytes("[]\n")))) {
      read(nothing);
      assertEquals(List.of(), ids);
      assertEquals(List.of(), bad);
    }
    for (String none : List.of("none\n", "[\"none\"]", "[[]]", "{}", "[null]", "\"\"")) {
      assertTrue(refused(bytes(none)).contains("its only "), none);
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

  @Test
  void everyEntryOfAJoinedOrQuotedList_isRead() throws IOException {
    for (String list :
        List.of(
            "0x%s,\n0x%s",
            "%s,%s,", "'%s', '%s'", "\"%s\",\r\n\"0X%s\"\r\n", "%s;%s", "%s\t%s", "%s %s")) {
      ids.clear();
      read(bytes(String.format(list, A, B)));
      assertEquals(List.of(A, B), ids, list);
      assertEquals(List.of(), bad, list);
    }
  }

  @Test
  void linesThatEndWithCommas_areOneIdEach() throws IOException {
    StringBuilder list = new StringBuilder();
    for (int i = 0; i < 12; i++) {
      list.append(String.format("0x%064x%s", i, i < 11 ? ",\n" : ""));
    }
    read(bytes(list.toString()));
    assertEquals(12, new HashSet<>(ids).size());
    assertEquals(List.of(), bad);
  }

  @Test
  void everyJsonValue_isReadOrRefused() throws IOException {
    read(bytes("[\"" + A + "\"]\n[\"" + B + "\"][\"" + A + "\"]\n\"" + B + "\""));
    assertEquals(List.of(A, B, A, B), ids);
    for (String behind : List.of("garbage", "0x" + B, ",[\"" + B + "\"]", "]", "}")) {
      String message = refused(bytes("[\"" + A + "\"]\n" + behind));
      assertTrue(message.contains("line 2"), message);
    }
  }

  @Test
  void concatenatedFiles_areReadToTheEnd() throws IOException {
    ByteArrayOutputStream both = new ByteArrayOutputStream();
    both.write(bytes("\uFEFF" + A + "\n"));
    both.write(bytes("\uFEFF" + B + "\n"));
    read(both.toByteArray());
    assertEquals(List.of(A, B), ids);
    both.reset();
    ids.clear();
    for (int i = 0; i < 300; i++) {
      both.write(gz(bytes(String.format("%064x%n", i))));
    }
    both.write(new byte[512]);
    read(both.toByteArray());
    assertEquals(300, new HashSet<>(ids).size());
    both.reset();
    both.write(gz(bytes(A + "\n")));
    both.write(bytes(B + "\n"));
    assertTrue(refused(both.toByteArray()).contains("not a complete gzip file"));
  }

  @Test
  void utf16_isRead() throws IOException {
    for (String charset : List.of("UTF-16", "UTF-16LE", "UTF-16BE")) {
      ids.clear();
      read((A + "\r\n" + B).getBytes(charset));
      assertEquals(List.of(A, B), ids, charset);
    }
    ids.clear();
    read(("\uFEFF[\"" + A + "\"]").getBytes("UTF-16LE"));
    assertEquals(List.of(A), ids);
  }

  private IdList.Summary column(String name, String content) throws IOException {
    Path file = Files.write(folder.resolve("ids"), bytes(content));
    return IdList.read(file.toString(), IdKind.CONDITION_ID, name, () -> false, ids::add, bad::add);
  }

  @Test
  void oneColumnOfACsvFile_isRead() throws IOException {
    for (String row : List.of("%s,%s\n", "%s;%s\r\n", "%s\t%s\r")) {
      ids.clear();
      column(
          "Condition_Id",
          String.format(row, "\uFEFFquestion", " condition_id ")
              + String.format(row, "\"Will x, \"\"y\"\"\nhappen?\"", "0x" + A)
              + String.format(row, "Will z?", "\"" + B + "\""));
      assertEquals(List.of(A, B), ids, row);
      assertEquals(List.of(), bad, row);
    }
  }

  @Test
  void concatenatedCsvFiles_areEachReadByTheirOwnHeader() throws IOException {
    column("id", "id,n\n" + A + ",1\nn,id\n2," + B + "\n\n3,nonsense\n4\n5," + A);
    assertEquals(List.of(A, B, A), ids);
    assertEquals(List.of(new IdList.Bad(6, "nonsense"), new IdList.Bad(7, "")), bad);
  }

  @Test
  void aFieldOfJsonObjects_isRead() throws IOException {
    String one = "{\"tags\":[{\"condition_id\":1}],\"condition_id\":\"0x" + A + "\"}";
    String other = "{\"condition_id\":\"" + B + "\",\"question\":\"?\"}";
    column("condition_id", "[" + one + ",\n" + other + "]");
    column("CONDITION_ID", one + "\n" + other);
    assertEquals(List.of(A, B, A, B), ids);
    UserError missing =
        assertThrows(UserError.class, () -> column("market", "[" + one + "," + other + "]"));
    assertTrue(missing.getMessage().contains("none of its 2 entries"), missing.getMessage());
  }

  @Test
  void aMissingColumn_isOneLineWithTheExistingNames() throws IOException {
    UserError error =
        assertThrows(UserError.class, () -> column("condition", "market,condition_id\n1," + A));
    assertTrue(error.getMessage().contains("market, condition_id"), error.getMessage());
    assertTrue(
        assertThrows(UserError.class, () -> column("id", "id\n\"" + A))
            .getMessage()
            .contains("quote"));
  }

  @Test
  void aListOfMostlyInvalidLines_isRefused() throws IOException {
    String csv = refused(bytes("condition_id,question\n" + A + ",why\n" + B + ",how\n"));
    assertTrue(csv.contains("3 entries of 5"), csv);
    assertTrue(csv.contains("--column"), csv);
    assertTrue(refused(bytes(A + "\nx\ny\n")).contains("2 lines of 3"));
    assertTrue(refused(bytes("[{\"condition_id\":\"" + A + "\"}]")).contains("--column"));
  }

  @Test
  void endlessInputWithoutIds_isRefusedInOneLine() throws IOException {
    assertTrue(refused(bytes("a".repeat(1 << 20))).contains("not a list"));
    assertTrue(refused(gz(new byte[20 << 20])).contains("not a list"));
    assertTrue(refused(gz(bytes("\n".repeat(20 << 20)))).contains("not a list"));
    assertTrue(refused(gz(bytes("[" + " ".repeat(20 << 20)))).contains("not a list"));
    assertTrue(refused(gz(bytes("x\n".repeat(1 << 20)))).contains("not a list"));
    assertTrue(refused(bytes("[".repeat(1 << 20))).contains("not JSON"));
    for (String device : List.of("/dev/zero", "/dev/urandom")) {
      org.junit.jupiter.api.Assumptions.assumeTrue(
          Files.exists(Path.of(device)), device + " is not there");
      for (String column : new String[] {null, "id"}) {
        UserError error =
            assertThrows(
                UserError.class,
                () ->
                    IdList.read(
                        device, IdKind.CONDITION_ID, column, () -> false, ids::add, bad::add));
        assertEquals(1, error.getMessage().lines().count(), error.getMessage());
      }
    }
  }

  private Path pipe(String name) throws Exception {
    Path pipe = folder.resolve(name);
    Process made = new ProcessBuilder("mkfifo", pipe.toString()).start();
    org.junit.jupiter.api.Assumptions.assumeTrue(made.waitFor() == 0, "mkfifo does not work here");
    return pipe;
  }

  @Test
  void aPipe_isReadAndCopied() throws Exception {
    for (int i = 0; i < 2; i++) {
      Path pipe = pipe("pipe" + i);
      Thread writer =
          new Thread(
              () -> {
                try {
                  Files.write(pipe, gz(bytes(A + "\n" + B + "\n")));
                } catch (IOException e) {
                  throw new java.io.UncheckedIOException(e);
                }
              });
      writer.start();
      if (i == 0) {
        read(pipe.toString());
      } else {
        assertTrue(IdList.once(pipe.toString()));
        Path copy = folder.resolve("copy");
        IdList.copy(pipe.toString(), IdKind.CONDITION_ID, null, () -> false, copy);
        read(copy.toString());
      }
      writer.join();
    }
    assertEquals(List.of(A, B, A, B), ids);
  }

  @Test
  void aSilentPipe_isAbandonedWhenTheRunStops() throws Exception {
    Path pipe = pipe("pipe");
    long before = System.nanoTime();
    UserError error =
        assertThrows(
            UserError.class,
            () ->
                IdList.read(
                    pipe.toString(),
                    IdKind.CONDITION_ID,
                    null,
                    () -> System.nanoTime() - before > 300_000_000L,
                    ids::add,
                    bad::add));
    assertEquals(ExitCode.INTERRUPTED, error.exitCode());
  }
}

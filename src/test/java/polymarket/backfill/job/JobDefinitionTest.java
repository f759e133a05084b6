package polymarket.backfill.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;

/** The fields of a job's definition: their schema, their page, and the messages for mistakes. */
class JobDefinitionTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path DOCS = TestBed.PROJECT.resolve("docs");
  private static final String WRITE =
      "mvn -B test -Dtest=JobDefinitionTest -Ddocs.write=true regenerates it";

  static List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(TestBed.PROJECT.resolve("routes/jobs"))) {
      return files.filter(file -> file.toString().endsWith(".job.yaml")).sorted().toList();
    }
  }

  private static Object yaml(String text) {
    return new Load(LoadSettings.builder().build()).loadFromString(text);
  }

  private static Object value(Field field) throws IllegalAccessException {
    field.setAccessible(true);
    return field.get(Job.withDefaults());
  }

  private static ObjectNode ofType(JobFile.Form form) {
    ObjectNode type = JSON.createObjectNode();
    // YAML reads v1 as a text, but not true; the program accepts both
    ArrayNode text = JSON.createArrayNode().add("string").add("boolean").add("number");
    switch (form) {
      case TEXT -> type.set("type", text);
      case WHOLE_NUMBER -> type.put("type", "integer").put("minimum", 0);
      case TRUE_OR_FALSE -> type.put("type", "boolean");
      case NUMBERS -> type.put("type", "array").set("items", ofType(JobFile.Form.WHOLE_NUMBER));
      case TEXTS -> {
        type.putArray("type").addAll(text).add("array");
        type.putObject("items").set("type", text);
      }
      case LISTS_OF_TEXTS -> type.put("type", "array").set("items", ofType(JobFile.Form.TEXTS));
      case TEXT_BY_NAME ->
          type.put("type", "object").set("additionalProperties", ofType(JobFile.Form.TEXT));
      case TEXTS_BY_NAME ->
          type.put("type", "object").set("additionalProperties", ofType(JobFile.Form.TEXTS));
      default -> throw new IllegalStateException(form.name());
    }
    return type;
  }

  private static ObjectNode schema() throws IllegalAccessException {
    ObjectNode schema = JSON.createObjectNode();
    schema.put("$schema", "http://json-schema.org/draft-07/schema#");
    schema.put("title", "A job's definition, routes/jobs/NAME.job.yaml");
    schema.put("type", "object");
    schema.put("additionalProperties", false);
    ArrayNode required = schema.putArray("required");
    ObjectNode properties = schema.putObject("properties");
    for (Field field : JobFile.fields().values()) {
      JobField is = field.getAnnotation(JobField.class);
      ObjectNode type = ofType(JobFile.Form.of(field.getGenericType()));
      type.put("description", is.title());
      if (is.choices().length > 0) {
        type.remove("type");
        ArrayNode choices = type.putArray("enum");
        Stream.of(is.choices()).forEach(choices::add);
      }
      if (is.required()) {
        required.add(field.getName());
      } else {
        type.set("default", JSON.valueToTree(value(field)));
      }
      type.putArray("examples").add(JSON.valueToTree(yaml(is.example())));
      properties.set(field.getName(), type);
    }
    return schema;
  }

  private static String page() throws IllegalAccessException {
    StringBuilder page =
        new StringBuilder(
            """
            # The definition of a job

            `routes/jobs/NAME.job.yaml` defines the job NAME for the program. The job's requests are in
            `routes/jobs/NAME.camel.yaml`, its tables and their mapping in the SQL file of the same name
            (see [SQL-SECTIONS.md](SQL-SECTIONS.md)). An unknown field, or a value of the wrong form, is an error with file and line.

            This page and [job-definition.schema.json](job-definition.schema.json), with which an editor checks and completes the files,
            are generated from the fields of `Job.java`:

                mvn -B test -Dtest=JobDefinitionTest -Ddocs.write=true

            | field | meaning | type | default | example |
            |---|---|---|---|---|
            """);
    for (Field field : JobFile.fields().values()) {
      JobField is = field.getAnnotation(JobField.class);
      Object value = value(field);
      boolean empty =
          value.equals("") || value.equals(List.of()) || value.equals(java.util.Map.of());
      page.append("| `")
          .append(field.getName())
          .append("` | ")
          .append(is.title())
          .append(" | ")
          .append(
              is.choices().length > 0
                  ? "one of `" + String.join("`, `", is.choices()) + "`"
                  : JobFile.Form.of(field.getGenericType()).words())
          .append(" | ")
          .append(
              is.required()
                  ? "must be given"
                  : empty
                      ? "none"
                      : value.equals(Integer.MAX_VALUE) ? "no limit" : "`" + value + "`")
          .append(" | `")
          .append(is.example())
          .append("` |\n");
    }
    return page.toString();
  }

  private static void assertCurrent(Path file, String text) throws IOException {
    if (Boolean.getBoolean("docs.write")) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    }
    assertEquals(text, Files.readString(file), file.getFileName() + " is not current; " + WRITE);
  }

  @Test
  void thePageAndTheSchema_areMadeFromTheFields() throws Exception {
    assertCurrent(DOCS.resolve("JOB-DEFINITION.md"), page());
    assertCurrent(
        DOCS.resolve("job-definition.schema.json"),
        JSON.writerWithDefaultPrettyPrinter().writeValueAsString(schema()) + "\n");
  }

  private static Set<ValidationMessage> mistakes(String definition) throws Exception {
    JsonSchema schema =
        JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V7).getSchema(schema());
    JsonNode yaml = JSON.valueToTree(yaml(definition));
    return schema.validate(yaml);
  }

  @ParameterizedTest
  @MethodSource("files")
  void everyDefinition_isValidByTheSchema_andNamesItForEditors(Path file) throws Exception {
    String text = Files.readString(file);
    assertEquals(Set.of(), mistakes(text), file.toString());
    assertEquals(
        "# yaml-language-server: $schema=../../docs/job-definition.schema.json",
        text.lines().findFirst().orElse(""));
  }

  @TempDir Path home;

  private Job read(String definition) throws IOException {
    Files.createDirectories(home.resolve("routes/sources"));
    Files.createDirectories(home.resolve("routes/jobs"));
    for (String source : List.of("goldsky", "example-api")) {
      Files.writeString(home.resolve("routes/sources/" + source + ".camel.yaml"), "");
    }
    Files.writeString(home.resolve("routes/jobs/mine.job.yaml"), definition);
    return Job.read(home, "mine");
  }

  private static final String LEAST = "title: mine\nsource: goldsky\nurl: goldsky.positions.url\n";

  @Test
  void everyExample_isReadAsItStands_andValidByTheSchema() throws Exception {
    for (Field field : JobFile.fields().values()) {
      String line = field.getName() + ": " + field.getAnnotation(JobField.class).example() + "\n";
      String text =
          LEAST.contains("\n" + field.getName() + ":") || LEAST.startsWith(field.getName() + ":")
              ? LEAST.replaceAll("(?m)^" + field.getName() + ": .*\n", line)
              : LEAST + line;
      assertEquals(Set.of(), mistakes(text), line);
      field.setAccessible(true);
      Object read = field.get(read(text));
      assertEquals(
          String.valueOf(yaml(field.getAnnotation(JobField.class).example()))
              .replaceAll("[\\[\\]]", ""),
          String.valueOf(read).replaceAll("[\\[\\]]", ""),
          line);
    }
  }

  @Test
  void listsAndMaps_areTyped() throws Exception {
    Job job =
        read(
            LEAST
                + "pageSizes: [100, 1_000]\n".replace("_", "")
                + "keyFields: [kind, [token_id, log_index]]\n"
                + "idField: [a, b]\n"
                + "allowed:\n"
                + "  x.closed: [false, true]\n"
                + "parts:\n"
                + "  goldsky: fills\n");
    assertEquals(List.of(100, 1000), job.getPageSizes());
    assertEquals(List.of(List.of("kind"), List.of("token_id", "log_index")), job.getKeyFields());
    assertEquals(List.of("a", "b"), job.getIdField());
    assertEquals(java.util.Map.of("x.closed", List.of("false", "true")), job.getAllowed());
    assertEquals(java.util.Map.of("goldsky", "fills"), job.getParts());
    assertTrue(job.isPageSize(100) && !job.isPageSize(99));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '"',
      value = {
        "keyField: [id]; 4; unknown key 'keyField' of the definition. Did you mean 'keyFields'?",
        "maxBatchSize: many; 4; maxBatchSize is 'many'; it takes a whole number of at least 0",
        "maxBatchSize: -1; 4; maxBatchSize is '-1'",
        "maxBatchSize: [1]; 4; maxBatchSize has the wrong form",
        "pass: yes; 4; pass is 'yes'; it takes true or false",
        "pageSizes: 100,1000; 4; pageSizes is '100,1000'; it takes a list of whole numbers",
        "pageSizes: [100, x]; 4; pageSizes is 'x'",
        "keyFields: id; 4; keyFields is 'id'; it takes a list of texts",
        "parts: goldsky=fills; 4; parts takes keys with values",
        "parts: {goldsky: [fills]}; 4; parts has the wrong form; it takes names, each with a text",
        "ids: condition; 4; ids is 'condition'. Did you mean 'condition-id'?",
        "after: []; 4; after has the wrong form; it takes a text",
        "title: twice; 4; 'title' is repeated",
      })
  void aMistake_isOneLineWithFileAndLine_andTheNearestName(String line, int at, String says) {
    UserError error =
        assertThrows(UserError.class, () -> read(LEAST + line + "\nsourceNote: a note\n"));
    assertTrue(
        error.getMessage().startsWith("routes/jobs/mine.job.yaml:" + at + ": " + says),
        error.getMessage());
    assertFalse(error.getMessage().contains("\n"), error.getMessage());
  }

  @Test
  void aMissingField_isNamed() {
    assertTrue(
        assertThrows(UserError.class, () -> read("title: mine\nsource: goldsky\n"))
            .getMessage()
            .startsWith("routes/jobs/mine.job.yaml:1: there is no field url: The setting with"));
    assertTrue(
        assertThrows(
                UserError.class, () -> read(LEAST.replace("source: goldsky", "source: goldski")))
            .getMessage()
            .contains(
                "mine.job.yaml:2: there is no source 'goldski' in routes/sources. Did you mean"
                    + " 'goldsky'?"));
    assertTrue(
        assertThrows(UserError.class, () -> read("")).getMessage().contains("the file is empty"));
  }
}
